import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AuditEvent, Release } from "@locum/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Approver,
  type Digits,
  fixtures,
  model,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { startProxy } from "./start-proxy.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

/** Restores of a release whose files do not load: whatever the server does then, it may not end worse than before. */
const patient = { timeout: 15_000 };
const unloadable = "an approved file that no server loads";
let approver: Approver;
let digits: Digits;
let release: Release;
let sidecar: StartedSidecar | undefined;
let audit: AuditEvent[];
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  approver = newApprover();
  digits = await startDigits();
  audit = [];
  // The files went bad before they were approved, and what is in memory did not.
  await writeFile(digits.file, unloadable);
  release = await recordRelease(digits, approver);
  await writeRelease(`${digits.dir}/releases`, release);
});
afterEach(async () => {
  await sidecar?.close();
  for (const close of closing.splice(0)) await close();
  await digits.close();
});

async function start(url = digits.url): Promise<void> {
  const service = serviceOf([{ id: "a", digits: { ...digits, url } }], {
    approver,
    dir: digits.dir,
    failover: { actionsMax: 1 },
  });
  const keeping = {
    put: async (event: AuditEvent) => audit.push(event),
    pending: async () => [],
    acknowledge: async () => {},
    stats: () => ({ waiting: 0 }),
    close: async () => {},
  };
  sidecar = await startSidecar(service, "a", { change: (deps) => ({ ...deps, spool: keeping }) });
  await expect.poll(() => sidecar?.report().fit, patient).toBe(true);
  await expect.poll(() => sidecar?.report().restorable, patient).toEqual([release.digest]);
}

const restoreEnded = async () => {
  await expect.poll(() => audit.find(({ kind }) => kind === "restore.result"), patient).toBeDefined();
  const { facts, reason } = audit.find(({ kind }) => kind === "restore.result") as AuditEvent;
  return { outcome: facts.outcome, reason };
};
const answers = async () => {
  const body = JSON.stringify({
    inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], data: Array(64).fill(0) }],
  });
  const headers = { "content-type": "application/json" };
  return (await fetch(`${digits.url}/v2/models/${model}/infer`, { method: "POST", headers, body })).status;
};
const live = () => readFile(digits.file);

describe("where the server keeps the model from before", () => {
  it("it goes on answering, with the release's files for the next start", async () => {
    await start();
    await digits.deploy("older/model.onnx");
    expect(await restoreEnded()).toEqual({
      outcome: "failed",
      reason: expect.stringMatching(
        /1 files put back.*load failed.*the model from before goes on answering$/,
      ),
    });
    expect(await answers()).toBe(200);
    expect((await live()).toString()).toBe(unloadable);
    expect(sidecar?.report()).toMatchObject({ diverted: true, fit: false, verdict: { kind: "failed" } });
  });
});

describe("where the server loses the model over the load", () => {
  beforeEach(async () => {
    // For Triton, as for an unknown server, a reload is an unload and a load.
    const proxy = await startProxy(digits.url, { name: "triton" });
    closing.push(proxy.close);
    await start(proxy.url);
  });

  it("the files from before are put back and loaded: it serves what it served", async () => {
    await digits.deploy("older/model.onnx");
    expect(await restoreEnded()).toEqual({
      outcome: "failed",
      reason: expect.stringMatching(
        /the model is gone.*the files from before are back and loaded: it serves/,
      ),
    });
    expect(await answers()).toBe(200);
    expect((await live()).equals(await readFile(join(fixtures, "older/model.onnx")))).toBe(true);
    expect(sidecar?.report()).toMatchObject({ diverted: true, fit: false, verdict: { kind: "failed" } });
  });

  it("and where those do not load any more either, the release's files are in place", async () => {
    await digits.deploy("older/model.onnx");
    await writeFile(digits.file, "half a deploy");
    expect(await restoreEnded()).toEqual({
      outcome: "failed",
      reason: expect.stringMatching(
        /do not load any more either, so those of the release are in place again/,
      ),
    });
    expect((await live()).toString()).toBe(unloadable);
  });
});
