import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock, systemRandom } from "@locum/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keysOfCollector } from "./collector-keys.ts";

const name = (n: number) => `packs/ab/${String(n).padStart(64, "0")}.pk`;
let calls: string[][] = [];
/** Files that this collector does not give. */
let withheld = new Set<string>();
const server = createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => {
    const { files } = JSON.parse(text) as { files: string[] };
    calls.push(files);
    const isWhole = !files.some((file) => withheld.has(file));
    const keys = files.map((file) => ({
      name: file,
      fileKey: Buffer.from(file.slice(-35, -3)).toString("base64"),
      idKey: Buffer.alloc(32).toString("base64"),
    }));
    response.writeHead(isWhole ? 200 : 404, { "content-type": "application/json" });
    const fault = { code: "not-found", message: "no such file", hint: "", retry: "never" };
    response.end(JSON.stringify(isWhole ? { keys } : fault));
  });
});

beforeEach(async () => {
  [calls, withheld] = [[], new Set()];
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const openerNow = () =>
  keysOfCollector("01JD0000000000000000000001", {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: async () => "t".repeat(32),
    ca: async () => undefined,
    ...{ service: "digits", instance: "a", clock: systemClock, random: systemRandom },
  });
type Opener = ReturnType<typeof openerNow>;
const open = ({ open: ask }: Opener, file: string) => ask({ name: file } as Parameters<Opener["open"]>[0]);

test("keys of files that are expected come sixty-four at a time, each once, and each is its own", async () => {
  const opener = openerNow();
  const names = Array.from({ length: 150 }, (_, n) => name(n));
  opener.expect(names);
  for (const file of names) expect((await open(opener, file)).fileKey.toString()).toBe(file.slice(-35, -3));
  await Promise.all(names.map((file) => open(opener, file)));
  expect(calls.map(({ length }) => length)).toEqual([64, 64, 22]);
});

test("a file that is not given takes none of the others along, and is asked for again", async () => {
  const opener = openerNow();
  const [first, second, third] = [name(1), name(2), name(3)];
  withheld = new Set([second]);
  opener.expect([first, second, third]);
  expect((await open(opener, first)).fileKey).toHaveLength(32);
  await expect(open(opener, second)).rejects.toMatchObject({ code: "not-found" });
  withheld = new Set();
  for (const file of [second, third]) expect((await open(opener, file)).fileKey).toHaveLength(32);
});

test("what nobody expected is asked for by itself", async () => {
  const opener = openerNow();
  await open(opener, "snaps/01JD0000000000000000000001.sn");
  expect(calls).toEqual([["snaps/01JD0000000000000000000001.sn"]]);
});
