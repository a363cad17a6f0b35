import { Fault } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import { Hono } from "hono";
import type { EventBus } from "../event-bus.ts";
import { eventResponse } from "../event-response.ts";
import { consoleFiles } from "./console-files.ts";
import { type LoginDeps, mountLogin, needReader } from "./console-login.ts";
import { consolePages, type PageDeps } from "./console-pages.ts";
import { type ConsoleEnv, sayFault, show } from "./show.ts";

export type ConsoleDeps = PageDeps & LoginDeps & { bus: EventBus; say: Log };

/**
 * The collector's own pages. They only read: whoever changes something does it by the API, whose tokens no browser
 * sends by itself. So a foreign page can at most make a person look.
 */
export function createConsole(deps: ConsoleDeps): Hono<ConsoleEnv> {
  const app = new Hono<ConsoleEnv>();
  const known = needReader(deps);
  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    await next();
  });
  app.get("/assets/:hash/:name", (context) => {
    const file = consoleFiles.get(context.req.path);
    if (!file) throw new Fault("not-found", "no such file");
    context.header("cache-control", "public, max-age=31536000, immutable");
    return context.body(file.text, 200, { "content-type": file.type });
  });
  mountLogin(app, deps);
  for (const [path, page] of Object.entries(consolePages(deps)))
    app.get(path, known, async (context) =>
      show(
        context,
        await page({ params: context.req.param(), query: new URL(context.req.url).searchParams }),
      ),
    );
  app.get("/events", known, (context) => {
    const service = context.req.query("service");
    deps.fleet.select(service);
    const { signal } = context.req.raw;
    return eventResponse({ bus: deps.bus, log: deps.auditLog, service, after: undefined, signal });
  });
  app.onError((error, context) => {
    if (error instanceof Fault) return sayFault(context, error);
    deps.say("error", "a page failed unexpectedly", { error });
    return sayFault(context, new Fault("internal", "an unexpected error; the collector's log has it"));
  });
  return app;
}

/** Nothing from elsewhere, nothing inline: what slipped through as markup would still not run. */
const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};
