import { type Fault, faultTable } from "@locum/contracts";
import { faultPage, type PageContent, renderPage, type Theme } from "@locum/dashboards/pages";
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { filePaths } from "./console-files.ts";
import type { Reader } from "./sessions.ts";

export type ConsoleEnv = { Variables: { reader: Reader | null } };

/** A page as the answer, for the reader of this request and in the colours that they chose. */
export function show(
  context: Context<ConsoleEnv>,
  content: PageContent,
  status: ContentfulStatusCode = 200,
): Response | Promise<Response> {
  const chosen = getCookie(context, "locum_theme");
  const { "console.css": style = "", "icon.svg": icon = "", ...scripts } = filePaths;
  const shell = {
    user: context.get("reader") ?? null,
    theme: themes.find((theme) => theme === chosen) ?? "auto",
    style,
    icon,
    scripts: Object.values(scripts),
  };
  return context.html(renderPage(shell, content), status);
}

export const sayFault = (context: Context<ConsoleEnv>, fault: Fault): Response | Promise<Response> =>
  show(context, { title: fault.code, section: null, body: faultPage(fault) }, faultTable[fault.code].http);

const themes: readonly Theme[] = ["auto", "light", "dark"];
