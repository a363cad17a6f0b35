import { afterEach, beforeEach, expect, it } from "vitest";
import {
  type Approver,
  type Digits,
  model,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { type ProxyServer, startProxy } from "./start-proxy.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

const patient = { timeout: 15_000 };
let digits: Digits;
let proxy: ProxyServer;
let approver: Approver;
let sidecar: StartedSidecar;
let requests: unknown[];

beforeEach(async () => {
  approver = newApprover();
  digits = await startDigits();
  proxy = await startProxy(digits.url, { caches: true });
  const release = await recordRelease(digits, approver);
  requests = release.body.goldens.map(({ request }) => request);
  await writeRelease(`${digits.dir}/releases`, release);
  const behind = { ...digits, url: proxy.url };
  const service = serviceOf([{ id: "a", digits: behind }], { approver, dir: digits.dir });
  sidecar = await startSidecar(service, "a");
  await expect.poll(() => sidecar.report().fit, patient).toBe(true);
  await expect.poll(() => sidecar.report().restorable.length, patient).toBe(1);
});
afterEach(async () => {
  await sidecar?.close();
  await proxy?.close();
  await digits?.close();
});

/** A client with the same inputs: what it gets is kept from then on. */
const askAsClient = () =>
  Promise.all(
    requests.map((request) =>
      fetch(`${proxy.url}/v2/models/${model}/infer`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
      }),
    ),
  );

it("a reload counts only when clients get the right answers too, not what a cache kept of the wrong model", async () => {
  await digits.deploy("older/model.onnx");
  await askAsClient();
  await expect.poll(() => sidecar.verdict(), patient).toBe("failed wrong-output hard");
  await expect.poll(() => sidecar.report().bytes, patient).toBe("approved");
  const loads = () => sidecar.logs.filter((line) => line.includes('"action":"reload"')).length;
  // The model is right again, the cache is not: the next repair begins, and nothing is proven.
  await expect.poll(loads, patient).toBe(1);
  expect(sidecar.report()).toMatchObject({ fit: false, diverted: true, verdict: { kind: "failed" } });
  proxy.cache.clear();
  await expect.poll(() => sidecar.report().fit, patient).toBe(true);
  expect(sidecar.report()).toMatchObject({ goldens: "proven", diverted: false });
});
