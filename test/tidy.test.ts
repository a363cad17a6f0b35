import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = new URL("..", import.meta.url).pathname;
const tracked = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((path) => path && existsSync(join(root, path)));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const code = tracked.filter((path) => /\.(ts|mjs)$/.test(path));
const lines = (path: string) => read(path).split("\n").length - 1;
const offending = (paths: string[], pattern: RegExp) =>
  paths.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );

describe("the repository keeps its own rules", () => {
  it("has no code file over 400 lines, and half of them under 120", () => {
    expect(code.filter((path) => lines(path) > 400)).toEqual([]);
    expect(code.filter((path) => lines(path) < 120).length).toBeGreaterThanOrEqual(code.length / 2);
  });

  it("has no rooms without a name of their own", () => {
    expect(
      tracked.filter((path) =>
        /(^|\/)(utils?|helpers?|common|misc|types|constants|manager)\.tsx?$/.test(path),
      ),
    ).toEqual([]);
  });

  it("leaves no marks of unfinished work", () => {
    const marks = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`);
    expect(offending(code, marks)).toEqual([]);
    expect(offending(code, /\b(it|test|describe)\.(only|todo|fails)\b/)).toEqual([]);
  });

  it("compares no text with a regular expression that toMatchObject passes over", () => {
    const tests = code.filter((path) => path.endsWith(".test.ts"));
    const ignored = /toMatchObject\(\{.*[:[] ?\/[^/*]|^\s*(message|hint|detail|problems|reason): \[?\/[^/*]/;
    expect(offending(tests, ignored)).toEqual([]);
  });
  it("does not sleep in tests", () => {
    expect(
      offending(
        code.filter((path) => path.endsWith(".test.ts") && path !== "test/tidy.test.ts"),
        /setTimeout\((resolve|r|done|res)[,)]|(?<!\bclock\.)\bsleep\(/,
      ),
    ).toEqual([]);
  });

  it("names every workspace by its folder, and exports nothing that is not there", () => {
    for (const path of tracked.filter((path) => /^(apps|packages)\/[^/]+\/package\.json$/.test(path))) {
      const { name, exports = {} } = JSON.parse(read(path));
      expect(name).toBe(`@locum/${dirname(path).split("/")[1]}`);
      for (const file of Object.values<string>(exports))
        expect(existsSync(join(root, dirname(path), file)), `${path}: ${file}`).toBe(true);
    }
  });

  it("has a lock file that names no registry", () => {
    expect(offending(["package-lock.json"], /"resolved": "https?:/)).toEqual([]);
  });

  it("has documents whose links lead somewhere", () => {
    const documents = tracked.filter((path) => path.endsWith(".md"));
    const broken = documents.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)]*)?\)/g)].flatMap(([, link]) =>
        link && existsSync(join(root, dirname(path), link)) ? [] : [`${path} -> ${link}`],
      ),
    );
    expect(broken).toEqual([]);
  });
});
