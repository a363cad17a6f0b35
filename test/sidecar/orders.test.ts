import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { corrupt } from "./corrupt.ts";
import { type ScriptedCollector, startScriptedCollector } from "./scripted-collector.ts";
import {
  type Approver,
  type Digits,
  fixtures,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { type ServiceParts, type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";
import { sendTraffic } from "./traffic-client.ts";

const patient = { timeout: 15_000, interval: 10 };
let digits: Digits;
let approver: Approver;
let collector: ScriptedCollector;
let sidecar: StartedSidecar;

async function start(instance: Record<string, unknown> = {}, parts: ServiceParts = {}): Promise<void> {
  const streams = collector.streams();
  const service = serviceOf([{ id: "a", digits, drillable: true, ...instance }], {
    approver,
    dir: digits.dir,
    ...parts,
  });
  sidecar = await startSidecar(service, "a", {
    collector: collector.url,
    tokenFile: collector.tokenFile,
    stateDir: join(digits.dir, "state"),
  });
  await expect.poll(() => collector.streams(), patient).toBe(streams + 1);
  await expect.poll(() => sidecar.report().fit && collector.report()?.fit, patient).toBe(true);
}
beforeEach(async () => {
  approver = newApprover();
  digits = await startDigits();
  collector = await startScriptedCollector(digits.dir);
  await writeRelease(`${digits.dir}/releases`, await recordRelease(digits, approver));
});
afterEach(async () => {
  await sidecar?.close();
  await collector?.close();
  await digits?.close();
});

describe("orders of the collector", () => {
  it("are refused with a stale term or epoch, and for another boot", async () => {
    await start();
    await collector.order({ kind: "demote" }, { term: 4, epoch: 9 });
    const stale = { kind: "promote" } as const;
    expect((await collector.order(stale, { term: 3, epoch: 9 })).code).toBe("stale-term");
    expect((await collector.order(stale, { term: 4, epoch: 8 })).code).toBe("stale-epoch");
    expect((await collector.order(stale, { term: 4, epoch: 9, incarnation: "x" })).code).toBe(
      "wrong-incarnation",
    );
    expect(sidecar.report()).toMatchObject({ role: "standby", term: 4, epoch: 9 });
  });

  it("are remembered over a restart: an old leader is refused by the next boot too", async () => {
    await start();
    await collector.order({ kind: "demote" }, { term: 4, epoch: 9 });
    await sidecar.close();
    await start();
    expect(sidecar.report()).toMatchObject({ role: "standby", epoch: 9 });
    expect((await collector.order({ kind: "promote" }, { term: 3, epoch: 9 })).code).toBe("stale-term");
  });

  it("a repeated order is answered with its first result", async () => {
    await start();
    const first = await collector.order({ kind: "prepare" }, { id: "same" });
    const second = await collector.order({ kind: "prepare" }, { id: "same" });
    expect([first.outcome, second]).toEqual(["done", first]);
  });

  it("prepare proves goldens and files now, and is refused where they are wrong", async () => {
    await start({}, { failover: { onUnapproved: "hold" } });
    expect(await collector.order({ kind: "prepare" })).toMatchObject({ outcome: "done", code: "ok" });
    digits.server.faults.order({ kind: "garbage" });
    expect(await collector.order({ kind: "prepare" })).toMatchObject({ outcome: "refused", code: "refused" });
    digits.server.faults.order({ kind: "none" });
    await expect.poll(() => sidecar.report().fit, patient).toBe(true);
    await corrupt(digits.file);
    expect(await collector.order({ kind: "prepare" })).toMatchObject({ code: "release-unapproved" });
  });

  it("a restore happens only while the files are those that were judged", async () => {
    await start({}, { failover: { onUnapproved: "hold" } });
    await expect.poll(() => sidecar.report().restorable.length, patient).toBe(1);
    const [release = ""] = sidecar.report().restorable;
    await corrupt(digits.file);
    await digits.load();
    await expect.poll(() => sidecar.verdict(), patient).toBe("failed wrong-output hard");
    await expect.poll(() => sidecar.report().bytes, patient).toBe("unapproved");
    const judged = sidecar.report().tree ?? "";
    const another = { kind: "restore", judged: `sha256:${"0".repeat(64)}`, release, reload: true } as const;
    await expect.poll(() => sidecar.report().quietMs, patient).toBeGreaterThan(300);
    expect(await collector.order(another)).toMatchObject({ outcome: "refused", code: "tree-changed" });
    const unknown = { kind: "restore", judged, release: `sha256:${"0".repeat(64)}`, reload: true } as const;
    expect(await collector.order(unknown)).toMatchObject({ outcome: "refused", code: "snapshot-missing" });
    expect(await collector.order({ kind: "restore", judged, release, reload: true })).toMatchObject({
      outcome: "done",
    });
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/model.onnx`))).toBe(true);
    expect(sidecar.report().fit).toBe(true);
  });

  it("a restart without a driver is refused, and drills where nobody allowed them", async () => {
    await start({ drillable: false });
    expect(await collector.order({ kind: "restart" })).toMatchObject({ outcome: "refused" });
    expect(await collector.order({ kind: "drill", fault: "nan", ms: 1000 })).toMatchObject({
      outcome: "refused",
    });
  });

  it("a restart driver runs without a shell; one that fails is a failed restart", async () => {
    await start({ restart: { exec: ["/bin/false", "; touch /nowhere"] } });
    expect(await collector.order({ kind: "restart" })).toMatchObject({
      outcome: "failed",
      detail: expect.stringContaining("ended with 1"),
    });
    await expect.poll(() => sidecar.report().fit, patient).toBe(true);
  });

  it("a drain keeps the last instance serving, and is taken back", async () => {
    await start();
    await collector.order({ kind: "drain", on: true });
    expect(sidecar.report().diverted).toBe(true);
    expect((await fetch(`${sidecar.tap}/v2/health/ready`)).status).toBe(200);
    await collector.order({ kind: "drain", on: false });
    await expect.poll(() => sidecar.report().diverted, patient).toBe(false);
  });
});

describe("in watch posture", () => {
  it("there is no tap, and the agent-check says what is wrong", async () => {
    await start({}, { posture: "watch", failover: { onUnapproved: "hold" } });
    expect(collector.report()).toMatchObject({ tap: null, diverted: false });
    expect(await wordOf(sidecar.agent)).toBe("up ready 100%\n");
    digits.server.faults.order({ kind: "garbage" });
    await expect.poll(() => wordOf(sidecar.agent), patient).toBe("down#wrong-output\n");
    digits.server.faults.order({ kind: "none" });
    await expect.poll(() => wordOf(sidecar.agent), patient).toBe("up ready 100%\n");
  });
});

describe("an exclusive instance", () => {
  it("serves by a lease alone, and fences itself when the acks stop", async () => {
    await start({}, { class: "exclusive", failover: { leaseMs: 1500, prepareMs: 1000 } });
    const ask = async () => (await fetch(`${sidecar.tap}/v2/health/ready`)).status;
    expect(await ask()).toBe(503);
    collector.acks.epoch = 2;
    collector.acks.leaseMs = 1500;
    expect((await collector.order({ kind: "promote" }, { epoch: 2 })).outcome).toBe("done");
    await expect.poll(ask, patient).toBe(200);
    collector.acks.on = false;
    await expect.poll(ask, patient).toBe(503);
    await expect.poll(() => sidecar.report().role, patient).toBe("fenced");
  });

  it("fenced by order, ends what waits and answers nothing more", async () => {
    await start({}, { class: "exclusive", failover: { leaseMs: 3000, prepareMs: 1000 } });
    collector.acks.epoch = 2;
    collector.acks.leaseMs = 3000;
    await collector.order({ kind: "promote" }, { epoch: 2 });
    digits.server.faults.order({ kind: "hang" });
    const client = sendTraffic(sidecar.tap, { everyMs: 50 });
    await expect.poll(() => digits.server.faults.state().handled.hang, patient).toBeGreaterThan(2);
    expect(await collector.order({ kind: "fence" }, { epoch: 3 })).toMatchObject({ outcome: "done" });
    digits.server.faults.order({ kind: "none" });
    await client.stop();
    expect(new Set(client.sent.map(({ status }) => status))).toEqual(new Set([503]));
  });
});

describe("drills", () => {
  const drill = (fault: string, ms: number) => collector.order({ kind: "drill", fault, ms });

  it.each([
    ["nan", "failed not-finite hard"],
    ["hang", "failed hung hard"],
    ["error-rate", "failed errors hard"],
  ])("%s is found, and undone when its time is over", async (fault, verdict) => {
    await start();
    expect(await drill(fault, 4000)).toMatchObject({ outcome: "done" });
    await expect.poll(() => sidecar.verdict(), patient).toBe(verdict);
    await expect.poll(() => sidecar.report().fit, patient).toBe(true);
    expect(await drill("unknown", 1000)).toMatchObject({ outcome: "refused", code: "usage" });
  });

  it("corrupt-weights keeps the original aside and puts it back by itself", async () => {
    await start({}, { failover: { onUnapproved: "hold" } });
    await expect.poll(() => sidecar.report().restorable.length, patient).toBe(1);
    expect(await drill("corrupt-weights", 2000)).toMatchObject({ outcome: "done" });
    expect(await drill("nan", 1000)).toMatchObject({ outcome: "refused", code: "conflict" });
    await expect.poll(() => sidecar.verdict(), patient).toBe("failed wrong-output hard");
    await expect.poll(() => sidecar.report().fit, patient).toBe(true);
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/model.onnx`))).toBe(true);
  });
});

describe("a collector that breaks the wire contract", () => {
  it.each<[string, string | Buffer, number]>([
    ["no JSON", "{", 1007],
    ["no frame", '{"kind":"command"}', 1008],
    ["unknown kind", '{"kind":"obey"}', 1008],
    ["binary", Buffer.from([1, 2, 3]), 1003],
    ["too large", `"${"x".repeat(5_000_000)}"`, 1009],
    ["a second welcome", '{"kind":"welcome","version":1,"term":1,"policyKey":"x"}', 1008],
  ])("%s: the stream is closed with a code, the sidecar lives and comes back", async (_name, data, code) => {
    await start();
    collector.sendRaw(data);
    await expect.poll(() => collector.closes, patient).toEqual([code]);
    await expect.poll(() => collector.streams(), patient).toBe(2);
    expect(sidecar.report().fit).toBe(true);
  });

  it("a policy that another key signed is not followed, nor an older one", async () => {
    await start();
    collector.policy({ number: 7 });
    await expect.poll(() => sidecar.report().policy, patient).toBe(7);
    collector.policy({ number: 9 }, { forged: true });
    collector.policy({ number: 6 });
    collector.policy({ number: 8 });
    await expect.poll(() => sidecar.report().policy, patient).toBe(8);
    expect(sidecar.logs.some((line) => line.includes("a policy does not verify"))).toBe(true);
  });

  it("a release that nobody approved is not used", async () => {
    await start();
    const before = sidecar.report().release;
    const forged = await recordRelease(digits, newApprover());
    collector.send({ kind: "release", release: forged });
    await expect
      .poll(() => sidecar.logs.some((line) => line.includes("a release is not used")), patient)
      .toBe(true);
    expect(sidecar.report().release).toBe(before);
  });
});

const wordOf = (port: number): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
