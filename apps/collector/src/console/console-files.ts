import { createHash } from "node:crypto";
import { darkPalette, lightPalette, pageStyle } from "@locum/audit";
import { consoleStyle } from "@locum/dashboards/pages";
import { islands } from "./islands.ts";

const lightMore = "--field: #868f96; --violet: #7340b8;";
const darkMore = "--field: #747f87; --violet: #c3a2f5;";

/** The style of a signed report, so that both look alike; then the switch, which wins over the system; then the pages. */
const style = `${pageStyle}:root { ${lightMore} color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { ${darkMore} } }
:root[data-theme="light"] { ${lightPalette} ${lightMore} color-scheme: light; }
:root[data-theme="dark"] { ${darkPalette} ${darkMore} color-scheme: dark; }
${consoleStyle}`;

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1d5fb8"/><path d="M10 7h4v14h9v4H10z" fill="#fff"/></svg>
`;

type File = { type: string; text: string };
const named: Record<string, File> = {
  "console.css": { type: "text/css; charset=utf-8", text: style },
  "icon.svg": { type: "image/svg+xml", text: icon },
  ...Object.fromEntries(
    Object.entries(islands).map(([name, text]) => [name, { type: "text/javascript; charset=utf-8", text }]),
  ),
};

/** By path. The path holds the hash of the content, so a browser may keep each for good. */
export const consoleFiles: ReadonlyMap<string, File> = new Map(
  Object.entries(named).map(([name, file]) => [pathOf(name, file), file]),
);

/** Where each file is. */
export const filePaths: Record<string, string> = Object.fromEntries(
  Object.entries(named).map(([name, file]) => [name, pathOf(name, file)]),
);

function pathOf(name: string, { text }: File): string {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return `/assets/${hash}/${name}`;
}
