import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClaims } from "./claim.ts";

let dir: string;
let nowMs = 0;
const clock = { ...systemClock, monotonicMs: () => nowMs };
const claimsOf = (owner: string) => createClaims({ file: join(dir, "claim"), owner, clock });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-claim-"));
  nowMs = 0;
});
afterEach(() => rm(dir, { recursive: true }));

test("one at a time, and the next when it is given back", async () => {
  const [a, b] = [claimsOf("a"), claimsOf("b")];
  const claim = await a.take();
  expect(claim).not.toBeNull();
  expect(await b.take()).toBeNull();
  await claim?.release();
  const next = await b.take();
  expect(next).not.toBeNull();
  await next?.release();
});

test("one that is renewed is waited for, however long; one that is not is taken over after a minute", async () => {
  const file = join(dir, "claim");
  await writeFile(file, "gone");
  const b = claimsOf("b");
  for (let step = 1; step <= 10; step += 1) {
    expect(await b.take()).toBeNull();
    nowMs += 30_000;
    await utimes(file, step, step);
  }
  expect(await b.take()).toBeNull();
  nowMs += 59_000;
  expect(await b.take()).toBeNull();
  nowMs += 1000;
  const claim = await b.take();
  expect(claim).not.toBeNull();
  await claim?.release();
});

test("what the same owner left is its own", async () => {
  await writeFile(join(dir, "claim"), "a");
  const claim = await claimsOf("a").take();
  expect(claim).not.toBeNull();
  await claim?.release();
});
