import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../stack/free-port.ts";
import { corrupt } from "./corrupt.ts";
import {
  type Approver,
  type Digits,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";
import { sendTraffic, type TrafficClient } from "./traffic-client.ts";

const patient = { timeout: 15_000, interval: 20 };
let approver: Approver;
let digits: Digits[];
let a: StartedSidecar;
let b: StartedSidecar;
let client: TrafficClient;

beforeEach(async () => {
  approver = newApprover();
  digits = [await startDigits(), await startDigits()];
  const [first, second] = digits as [Digits, Digits];
  await writeRelease(`${first.dir}/releases`, await recordRelease(first, approver));
  const instances = await Promise.all(
    [first, second].map(async (one, index) => ({
      id: "ab"[index] ?? "",
      role: index === 0 ? "active" : "standby",
      digits: one,
      drillable: true,
      // Peers find each other by fixed ports, as without a collector in production.
      sidecar: { tap: `127.0.0.1:${await freePort()}`, control: `127.0.0.1:${await freePort()}` },
    })),
  );
  const service = serviceOf(instances, { approver, dir: first.dir, failover: { onUnapproved: "hold" } });
  a = await startSidecar(service, "a");
  b = await startSidecar(service, "b");
  await expect.poll(() => [a.report().fit, b.report().fit], patient).toEqual([true, true]);
  await expect
    .poll(async () => (await statusOf(a)).peers, patient)
    .toEqual([{ id: "b", role: "standby", fit: true }]);
  client = sendTraffic(a.tap);
  await expect.poll(() => client.sent.length, patient).toBeGreaterThan(40);
});
afterEach(async () => {
  await client?.stop();
  await Promise.all([a?.close(), b?.close()]);
  await Promise.all(digits.map((one) => one.close()));
});

describe("two instances without a collector", () => {
  it("NaN answers never reach a client, and the traffic moves to the proven standby", async () => {
    digits[0]?.server.faults.order({ kind: "nan" });
    await expect.poll(() => a.report().diverted, patient).toBe(true);
    const sinceThen = client.sent.length;
    await expect.poll(() => client.sent.length, patient).toBeGreaterThan(sinceThen + 20);
    expect([client.failed(), client.wrong()]).toEqual([0, 0]);
    expect(digits[1]?.server.faults.state().handled.none).toBeGreaterThan(20);
  });

  it("wrong weights that were loaded are diverted from; nothing is wrong after that", async () => {
    await corrupt(digits[0]?.file ?? "");
    await digits[0]?.load();
    await expect.poll(() => a.report().diverted, patient).toBe(true);
    const { length } = client.sent;
    await expect.poll(() => client.sent.length, patient).toBeGreaterThan(length + 30);
    expect(client.failed()).toBe(0);
    expect(client.sent.slice(length + 5).every(({ right }) => right)).toBe(true);
  });

  it("a hang is diverted from: the waiting requests are answered by the standby", async () => {
    digits[0]?.server.faults.order({ kind: "hang" });
    await expect.poll(() => a.report().diverted, patient).toBe(true);
    const { length } = client.sent;
    await expect.poll(() => client.sent.length, patient).toBeGreaterThan(length + 30);
    expect([client.failed(), client.wrong()]).toEqual([0, 0]);
  });

  it("a server that is gone costs no request, and comes back when it is proven", async () => {
    const { port } = new URL(digits[0]?.url ?? "");
    await digits[0]?.server.close();
    await expect.poll(() => a.verdict(), patient).toBe("failed process-gone hard");
    const { length } = client.sent;
    await expect.poll(() => client.sent.length, patient).toBeGreaterThan(length + 20);
    expect([client.failed(), client.wrong()]).toEqual([0, 0]);
    const again = await startDigits({ port: Number(port) });
    await expect.poll(() => a.report().fit && !a.report().diverted, patient).toBe(true);
    await again.close();
  });

  it("the last instance keeps serving although it is diverted", async () => {
    await digits[1]?.server.close();
    await expect.poll(() => b.verdict(), patient).toBe("failed process-gone hard");
    digits[0]?.server.faults.order({ kind: "garbage" });
    await expect.poll(() => a.report().diverted, patient).toBe(true);
    const { length } = client.sent;
    await expect.poll(() => client.sent.length, patient).toBeGreaterThan(length + 20);
    expect(client.sent.slice(length).every(({ status }) => status === 200)).toBe(true);
  });
});

const statusOf = async ({ control }: StartedSidecar): Promise<{ peers: unknown }> =>
  (await fetch(`${control}/status`)).json() as Promise<{ peers: unknown }>;
