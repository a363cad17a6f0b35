import fc from "fast-check";
import { expect, test } from "vitest";
import { html, markupOf, trusted } from "./html.ts";

const hostile = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `' onfocus='alert(1)' autofocus='`,
  "</textarea><svg onload=alert(1)>",
  "&lt;b&gt;&#60;script&#62;",
];

test.each(hostile)("%j stays text between tags and in an attribute", (text) => {
  const page = markupOf(html`<p title="${text}">${text}</p>`);
  expect(page.match(/[<>]/g)).toHaveLength(4);
  expect(page.match(/"/g)).toHaveLength(2);
  expect(page).not.toContain("'");
});

test("any text comes back from its escaped form, but for characters that hide or turn it", () => {
  const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const page = markupOf(html`${text}`);
      expect(page).not.toMatch(/[<>"'\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      const back = page.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => names[name] ?? "");
      expect(back).toBe(text.toWellFormed().replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, "\uFFFD"));
    }),
  );
});

test("markup is nested as it is, lists are joined, what is not there is nothing", () => {
  const rows = ["a", "<b>"].map((name) => html`<li>${name}</li>`);
  expect(markupOf(html`<ul>${rows}${null}${undefined}${false}${0}${trusted("<hr>")}</ul>`)).toBe(
    "<ul><li>a</li><li>&lt;b&gt;</li>0<hr></ul>",
  );
});

test("an object out of JSON is never taken for markup", () => {
  const forged = JSON.parse('{"markup":"<script>"}');
  expect(markupOf(html`${forged}`)).toBe("");
});
