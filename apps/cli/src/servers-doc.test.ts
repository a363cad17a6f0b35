import { readdir, readFile } from "node:fs/promises";
import { Protocol } from "@locum/contracts";
import { expect, test } from "vitest";
import { readRequests } from "./golden/read-requests.ts";
import { verbs } from "./verbs.ts";

const folder = new URL("../../../docs/servers/", import.meta.url);
const pages = (await readdir(folder)).filter((name) => name.endsWith(".md") && name !== "README.md");
const read = (name: string) => readFile(new URL(name, folder), "utf8");
const overview = await read("README.md");

/** By their pages: the table of the overview says which protocols each page is about. */
const protocolsOf = Object.fromEntries(
  [...overview.matchAll(/^\| \[[^\]]+\]\(([\w-]+\.md)\)[^|]*\|([^|]+)\|/gm)].map(
    ([, page = "", cell = ""]) => [
      page,
      [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => Protocol.parse(name)),
    ],
  ),
);
const fenced = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, block = ""]) => block,
  );

test("every protocol has a page, and every page its row", () => {
  expect(Object.keys(protocolsOf).sort()).toEqual(pages.sort());
  expect([...new Set(Object.values(protocolsOf).flat())].sort()).toEqual([...Protocol.options].sort());
});

test.each(pages)("%s: three commands that the CLI takes", async (page) => {
  const [commands = ""] = fenced(await read(page), "");
  const lines = commands.trim().split("\n");
  expect(lines.map((line) => line.replace(/ -.*/, ""))).toEqual([
    "locum init",
    "locum golden record",
    "locum up",
  ]);
  for (const line of lines) {
    const words = [...line.matchAll(/'[^']*'|\S+/g)].map(([word]) => word);
    const verb = Object.keys(verbs).find((name) => line.startsWith(`locum ${name}`)) as keyof typeof verbs;
    const known = (await verbs[verb].load()).help();
    const required = [...known.matchAll(/^ {2}(--[\w-]+)(?:(?!\n {2}-)[\s\S])*?\(required\)/gm)].map(
      ([, name]) => name,
    );
    const flags = words.filter((word) => word.startsWith("--"));
    for (const flag of flags) expect(known, line).toMatch(new RegExp(`^ {2}(?:-\\w, )?${flag}\\b`, "m"));
    expect(flags, line).toEqual(expect.arrayContaining(required));
  }
});

test.each(pages)("%s: requests that golden record reads", async (page) => {
  const [block] = fenced(await read(page), "json");
  const requests = JSON.parse(block ?? "null") as unknown;
  for (const protocol of protocolsOf[page] ?? []) {
    // KServe's page shows the richer of the protocols that it speaks.
    if (page === "kserve.md" && protocol === "kserve-v1") continue;
    expect(readRequests(requests, page, { protocol }).length).toBeGreaterThan(0);
  }
});

test.each(pages)("%s: one screen and a half", async (page) => {
  expect((await read(page)).split("\n").length).toBeLessThanOrEqual(80);
});

test("files and commands of this repository that the pages name are there", async () => {
  const root = new URL("../../../", import.meta.url);
  const { scripts } = JSON.parse(await readFile(new URL("package.json", root), "utf8")) as {
    scripts: Record<string, string>;
  };
  const benches = await readFile(new URL("test/bench/benches.ts", root), "utf8");
  for (const text of [overview, ...(await Promise.all(pages.map(read)))]) {
    for (const [, path = ""] of text.matchAll(/`(test\/[\w./-]+)`/g))
      await expect(readFile(new URL(path, root), "utf8"), path).resolves.not.toBe("");
    for (const [, script = "", bench] of text.matchAll(/`npm run ([\w-]+) --(?: ([\w-]+))?/g)) {
      expect(scripts).toHaveProperty(script);
      if (script === "bench") expect(benches).toContain(`\n  ${bench}: {`);
    }
  }
});
