import { hash } from "node:crypto";
import { pageStyle } from "../page-style.ts";
import { browserFunctions, verifyInBrowser } from "./verify-in-browser.ts";

/**
 * One page that verifies signed reports offline: a file is chosen or dropped, and nothing leaves the browser. Its only
 * script is allowed by its hash.
 */
export function verifyPage(): string {
  const script = `"use strict";
const __name = (named) => named;
${browserFunctions.map(String).join("\n\n")}
const verdict = document.getElementById("verdict");
const show = async (file) => {
  const found = await ${verifyInBrowser.name}(await file.text());
  verdict.className = found.ok ? "good" : "bad";
  verdict.replaceChildren();
  const add = (tag, text) => verdict.appendChild(document.createElement(tag)).append(text);
  add("h2", found.ok ? "Unchanged" : "Changed, or not right: " + found.where);
  add("p", file.name);
  if (!found.ok) return;
  add("h3", found.title);
  add("p", found.summary);
  add("p", "Service " + found.service + ", written " + found.createdAt + ".");
  for (const line of found.lines) add("p", line);
  add("p", "Whether these keys are the right ones is for you to know: compare them with what you kept elsewhere.");
};
document.getElementById("file").addEventListener("change", ({ target }) => target.files[0] && show(target.files[0]));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) show(event.dataTransfer.files[0]);
});
`;
  const allowed = hash("sha256", script, "base64");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${allowed}'">
<title>Verify a report of Locum</title>
<style>
${pageStyle}</style>
</head>
<body>
<header>
<p class="eyebrow">Locum</p>
<h1>Verify a report</h1>
<p class="lead">Choose a dossier or a drill's report, JSON or page, or drop it here. It is read in this browser and goes nowhere.</p>
<p><label for="file">Report</label> <input type="file" id="file" accept=".json,.html"></p>
</header>
<main><section id="verdict" aria-live="polite"><p>No file yet.</p></section></main>
<script>${script}</script>
</body>
</html>
`;
}
