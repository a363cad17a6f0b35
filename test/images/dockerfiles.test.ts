import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Instruction, lintDockerfile, readDockerfile } from "./dockerfile.ts";

type Components = {
  components: Record<string, { ports: number[] }>;
  env: Record<string, string>;
  entrypointOf(name: string): string[];
  labelsOf(name: string, of: Record<string, string>): Record<string, string>;
};
const root = new URL("../../", import.meta.url);
const built: Components = await import(new URL("bin/images/components.mjs", root).href);
const names = Object.keys(built.components);
const folder = new URL("deploy/images/", root);

const words = (file: readonly Instruction[], name: string) =>
  file.findLast((one) => one.name === name)?.words ?? "";
const pairs = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/([\w.]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));

test("every component has a Dockerfile, and no other has", () => {
  const files = readdirSync(folder).filter((file) => file.endsWith(".Dockerfile"));
  expect(files.map((file) => file.split(".")[0]).sort()).toEqual([...names].sort());
});

test.each(names)("the Dockerfile of %s is sound, and says what npm run images builds", (name) => {
  const file = readDockerfile(readFileSync(new URL(`${name}.Dockerfile`, folder), "utf8"));
  expect(lintDockerfile(file)).toEqual([]);
  expect(JSON.parse(words(file, "ENTRYPOINT"))).toEqual(built.entrypointOf(name));
  expect(words(file, "USER")).toBe("65532:65532");
  expect(pairs(words(file, "ENV"))).toEqual(built.env);
  const [version, revision, created] = ["VERSION", "REVISION", "CREATED"].map((arg) => `\${${arg}}`);
  const labels = built.labelsOf(name, {
    version: `${version}`,
    revision: `${revision}`,
    created: `${created}`,
  });
  expect(pairs(words(file, "LABEL"))).toEqual(labels);
  expect(words(file, "EXPOSE").split(" ").filter(Boolean).map(Number)).toEqual(
    built.components[name]?.ports ?? [],
  );
});

const base = "$" + "{BASE}";
const sound = `ARG BASE\nFROM ${base}\nSTOPSIGNAL SIGTERM\nUSER 65532\nENTRYPOINT ["/x"]`;
test.each([
  ["a tag", sound.replace(base, "debian:12"), /digest/],
  ["latest", sound.replace(base, "debian:latest"), /latest/],
  ["a default", sound.replace("ARG BASE", "ARG BASE=debian"), /without a default/],
  ["root", sound.replace("USER 65532", "USER 0"), /USER/],
  ["no user", sound.replace("USER 65532", ""), /USER/],
  [
    "a user of another stage",
    sound.replace("FROM", "FROM x@sha256:1 AS a\nUSER 1\nFROM").replace("USER 65532", ""),
    /USER/,
  ],
  ["a download", `${sound}\nADD https://example.org/x /x`, /ADD/],
  ["the shell form", sound.replace('["/x"]', "/x"), /exec form/],
  ["no stop signal", sound.replace("STOPSIGNAL SIGTERM", ""), /STOPSIGNAL/],
])("the lint finds %s", (_name, text, problem) => {
  expect(lintDockerfile(readDockerfile(sound))).toEqual([]);
  expect(lintDockerfile(readDockerfile(text)).join("\n")).toMatch(problem);
});
