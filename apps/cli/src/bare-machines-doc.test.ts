import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { verbs } from "./verbs.ts";

const doc = readFileSync(new URL("../../../docs/bare-machines.md", import.meta.url), "utf8");
const root = new URL("../../../", import.meta.url);
const blocks = [...doc.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
const commands = blocks
  .flatMap((block) => block.split(/\n|&& /))
  .map((line) => line.replace(/ > .*/, "").trim());

test.each(commands.filter((line) => line.startsWith("locum ")))(
  "%s is a command line of the CLI",
  async (line) => {
    const [, first = "", second = ""] = line.split(" ");
    const name = Object.keys(verbs).find((verb) => verb === `${first} ${second}`) ?? first;
    expect(Object.keys(verbs)).toContain(name);
    const help = (await verbs[name as keyof typeof verbs].load()).help();
    for (const [flag] of line.matchAll(/--[a-z-]+/g)) expect(help).toContain(flag);
  },
);

test("every npm script that it names is there, and every flag of install.sh", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  for (const [, script = ""] of doc.matchAll(/npm run ([a-z:]+)/g))
    expect(Object.keys(scripts)).toContain(script);
  const installer = readFileSync(new URL("deploy/offline/install.sh", root), "utf8");
  for (const flag of ["--public-key", "--units", "--prefix", "--bin"]) {
    expect(doc).toContain(flag);
    expect(installer).toContain(flag);
  }
});
