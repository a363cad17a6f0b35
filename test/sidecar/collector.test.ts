import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { corrupt } from "./corrupt.ts";
import { type StartedCollector, startCollector } from "./start-collector.ts";
import { type Approver, type Digits, newApprover, recordRelease, startDigits } from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";
import { sendTraffic, type TrafficClient } from "./traffic-client.ts";

const patient = { timeout: 20_000, interval: 20 };
let approver: Approver;
let digits: Digits[];
let collector: StartedCollector;
let a: StartedSidecar;
let b: StartedSidecar;
let client: TrafficClient;
let configFile: string;
let dir: string;

beforeEach(async () => {
  approver = newApprover();
  digits = [await startDigits(), await startDigits()];
  const [first, second] = digits as [Digits, Digits];
  dir = first.dir;
  const service = serviceOf(
    [
      { id: "a", role: "active", digits: first, drillable: true },
      { id: "b", role: "standby", digits: second, drillable: true },
    ],
    { approver, dir },
  );
  configFile = join(dir, "locum.yaml");
  await writeFile(configFile, JSON.stringify(service));
  collector = await startCollector(configFile, { dataDir: join(dir, "data") });
  const options = { collector: collector.url, tokenFile: collector.tokenFile };
  a = await startSidecar(service, "a", options);
  b = await startSidecar(service, "b", options);
  // The release comes from the collector alone: the folder of the service file is empty.
  const release = await recordRelease(first, approver);
  expect((await collector.post("/v1/releases", release)).status).toBeLessThan(300);
  await expect.poll(() => [a.report().fit, b.report().fit], patient).toEqual([true, true]);
  await expect.poll(() => [a, b].map(({ report }) => report().restorable.length), patient).toEqual([1, 1]);
  const peerOf = async ({ control }: StartedSidecar) => (await fetch(`${control}/status`)).text();
  await expect.poll(() => peerOf(a), patient).toContain('{"id":"b","role":"standby","fit":true}');
  client = sendTraffic(a.tap);
  await expect.poll(() => client.sent.length, patient).toBeGreaterThan(20);
});
afterEach(async () => {
  await client?.stop();
  await Promise.all([a?.close(), b?.close()]);
  await collector?.kill();
  await Promise.all(digits.map((one) => one.close()));
});

const roles = () => [a.report().role, b.report().role];

describe("a pair with its collector", () => {
  it("a wrong active is diverted from, replaced, put back and proven", async () => {
    await corrupt(digits[0]?.file ?? "");
    await digits[0]?.load();
    await expect.poll(roles, patient).toEqual(["standby", "active"]);
    await expect.poll(() => a.report().fit, patient).toBe(true);
    expect(a.report()).toMatchObject({ bytes: "approved", diverted: false, epoch: 1 });
    expect(client.failed()).toBe(0);
  });

  it("what happens while the collector is away is in its log when it is back", async () => {
    const { port } = new URL(collector.url);
    await collector.kill();
    digits[0]?.server.faults.order({ kind: "nan", untilReload: true });
    await expect.poll(() => a.report().diverted, patient).toBe(true);
    // Nobody promotes; the sidecar repairs itself.
    await expect.poll(() => a.report().fit, patient).toBe(true);
    expect(roles()).toEqual(["active", "standby"]);
    expect([client.failed(), client.wrong()]).toEqual([0, 0]);
    collector = await startCollector(configFile, { dataDir: join(dir, "data"), listen: `127.0.0.1:${port}` });
    const kinds = async () => JSON.stringify(await collector.get("/v1/audit?service=digits&limit=200"));
    await expect.poll(kinds, patient).toContain("reload.result");
    expect(await kinds()).toContain("divert.start");
  });

  it("a drill is found, ends by itself, and the instance is proven again", async () => {
    const order = { service: "digits", instance: "a", fault: "nan", ms: 3000 };
    const { status, body } = await collector.post("/v1/drills", order);
    expect([status, body]).toEqual([202, expect.anything()]);
    await expect.poll(() => a.verdict(), patient).toBe("failed not-finite hard");
    await expect.poll(() => a.report().fit, patient).toBe(true);
    expect([client.failed(), client.wrong()]).toEqual([0, 0]);
  });
});
