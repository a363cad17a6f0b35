import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openIdentity } from "./identity.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-identity-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it("remembers term, epoch and role over a restart", async () => {
  const first = await openIdentity(dir);
  expect(first.held).toBeNull();
  await first.saveHeld({ term: 2, epoch: 7, role: "standby" });
  expect((await openIdentity(dir)).held).toEqual({ term: 2, epoch: 7, role: "standby" });
});

it("writes in the order of the calls: an older epoch never comes last", async () => {
  const identity = await openIdentity(dir);
  const epochs = Array.from({ length: 20 }, (_, epoch) => epoch);
  await Promise.all(epochs.map((epoch) => identity.saveHeld({ term: 1, epoch, role: "active" })));
  expect(JSON.parse(await readFile(join(dir, "identity.json"), "utf8")).epoch).toBe(19);
});

it.each(["", "{", '{"term":1}', '{"term":"1","epoch":1,"role":"active"}', "null"])(
  "refuses to start on a damaged file: an epoch that was forgotten would let an old order pass (%s)",
  async (text) => {
    await writeFile(join(dir, "identity.json"), text);
    const fault = await openIdentity(dir).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Fault);
    expect((fault as Fault).code).toBe("storage-failed");
  },
);
