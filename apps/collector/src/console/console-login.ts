import { Fault, type FaultCode } from "@locum/contracts";
import { hasRole, limitBody } from "@locum/contracts/mount";
import { loginPage, welcomePage } from "@locum/dashboards/pages";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { AuthenticateLater } from "../auth.ts";
import { type Reader, type Sessions, sessionMs } from "./sessions.ts";
import { type ConsoleEnv, show } from "./show.ts";

export type LoginDeps = {
  authenticate: AuthenticateLater;
  sessions: Sessions;
  /** Cookies know no port: two collectors of one machine must not log each other's people out. */
  cookie: string;
  /** The pages come by TLS, and the cookie goes no other way. */
  secure: boolean;
};

const formBytesMax = 16_384;

/** Who has no session is sent to the login, and comes back from there to the page that they asked for. */
export function needReader({ sessions, cookie }: LoginDeps): MiddlewareHandler<ConsoleEnv> {
  return async (context, next) => {
    const reader = sessions.reader(getCookie(context, cookie));
    if (!reader) {
      const { pathname, search } = new URL(context.req.url);
      return context.redirect(`/login?next=${encodeURIComponent(pathname + search)}`, 303);
    }
    context.set("reader", reader);
    await next();
  };
}

/** A token, or a code that stands for one once, becomes a session; logging out ends it. */
export function mountLogin(
  app: Hono<ConsoleEnv>,
  { sessions, cookie, secure, authenticate }: LoginDeps,
): void {
  const keep = (context: Context, id: string, maxAge: number): void =>
    setCookie(context, cookie, id, { httpOnly: true, sameSite: "Strict", secure, path: "/", maxAge });
  const enter = (context: Context, reader: Reader): void =>
    keep(context, sessions.open(reader), sessionMs / 1000);

  app.get("/login", (context) => {
    const { code, next } = context.req.query();
    if (code === undefined) return ask(context, next);
    const reader = sessions.redeem(code);
    if (!reader)
      return ask(context, next, "not-authenticated", "This address was used already, or is too old.");
    enter(context, reader);
    // No redirect: a browser that followed a link from elsewhere would not send the cookie with it.
    context.header("refresh", `0; url=${localPath(next)}`);
    return show(context, { title: "Welcome", section: null, body: welcomePage(localPath(next)) });
  });
  app.post("/login", ownForm, formLimit, async (context) => {
    const { token, next } = await context.req.parseBody();
    const holder = await authenticate(`Bearer ${String(token ?? "").trim()}`);
    if (!holder) return ask(context, next, "not-authenticated", "That is no valid token of this collector.");
    if (!hasRole(holder, "viewer"))
      return ask(context, next, "not-authorised", `The token has the role ${holder.role}, not viewer.`);
    enter(context, { name: holder.name, role: holder.role });
    return context.redirect(localPath(next), 303);
  });
  app.post("/logout", ownForm, formLimit, (context) => {
    sessions.end(getCookie(context, cookie));
    keep(context, "", 0);
    return context.redirect("/login", 303);
  });
}

function ask(context: Context, next: unknown, code?: FaultCode, problem: string | null = null) {
  const body = loginPage({ next: localPath(next), problem });
  const status = code === undefined ? 200 : code === "not-authorised" ? 403 : 401;
  return show(context, { title: "Log in", section: null, body }, status);
}

/** A path on this collector, never an address elsewhere (`//host`, `/\host`). */
function localPath(next: unknown): string {
  const text = typeof next === "string" ? next : "/";
  return /^\/(?![/\\])[\x21-\x7e]{0,2000}$/.test(text) && !text.startsWith("/login") ? text : "/";
}

/** Browsers say where a form comes from; one of another site could log a person in as somebody else, or out. */
const ownForm: MiddlewareHandler = async (context, next) => {
  const from = context.req.header("sec-fetch-site") ?? "same-origin";
  if (from !== "same-origin" && from !== "none")
    throw new Fault("not-authorised", "the form was sent by a page from elsewhere");
  await next();
};

const formLimit = limitBody(formBytesMax);
