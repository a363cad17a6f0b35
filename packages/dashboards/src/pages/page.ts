import { type Html, html, markupOf } from "./html.ts";

export type Theme = "auto" | "light" | "dark";
export type Section = "fleet" | "incidents" | "audit" | "dashboards";

/** What is around every page: who looks at it, and where its style and islands are. */
export type Shell = {
  /** Null where nobody is logged in. */
  user: { name: string; role: string } | null;
  theme: Theme;
  style: string;
  scripts: readonly string[];
  icon: string;
};

export type PageContent = {
  title: string;
  section: Section | null;
  body: Html;
  /** Where the page hears that it is out of date: the region with the id `live` is then fetched again. */
  live?: { events: string; everyMs: number; gatherMs: number };
};

const sections: readonly [Section, string, string][] = [
  ["fleet", "/", "Fleet"],
  ["incidents", "/incidents", "Incidents"],
  ["audit", "/audit", "Audit"],
  ["dashboards", "/dashboards", "Dashboards"],
];

/** A whole document. Without scripts it is complete; with them it stays up to date. */
export function renderPage(shell: Shell, { title, section, body, live }: PageContent): string {
  const watched =
    live &&
    html` data-live="${live.events}" data-every-ms="${live.everyMs}" data-gather-ms="${live.gatherMs}"`;
  return markupOf(html`<!doctype html>
<html lang="en" data-theme="${shell.theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${shell.theme === "auto" ? "light dark" : shell.theme}">
<title>${title} · Locum</title>
<link rel="icon" href="${shell.icon}" type="image/svg+xml">
<link rel="stylesheet" href="${shell.style}">
${shell.scripts.map((script) => html`<script type="module" src="${script}"></script>\n`)}</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${shell.user && bar(shell.user, section)}<main id="main" tabindex="-1"${watched}>
${body}</main>
</body>
</html>
`);
}

function bar(user: { name: string; role: string }, section: Section | null): Html {
  const links = sections.map(
    ([name, path, label]) =>
      html`<a href="${path}"${name === section && html` aria-current="page"`}>${label}</a>\n`,
  );
  return html`<header class="bar">
<a class="brand" href="/" tabindex="-1" aria-hidden="true">Locum</a>
<nav aria-label="Pages">
${links}</nav>
<div class="who">
<button type="button" id="theme" hidden>Theme</button>
<form method="post" action="/logout"><button type="submit" title="${user.name}, ${user.role}">Log out</button></form>
</div>
</header>
`;
}
