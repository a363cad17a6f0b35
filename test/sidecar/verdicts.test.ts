import { rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Approver,
  type Digits,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

let digits: Digits;
let approver: Approver;
let sidecar: StartedSidecar;

beforeAll(async () => {
  approver = newApprover();
  digits = await startDigits();
  await writeRelease(`${digits.dir}/releases`, await recordRelease(digits, approver));
  sidecar = await startSidecar(serviceOf([{ id: "a", digits }], { approver, dir: digits.dir }), "a");
});
afterEach(async () => {
  digits.server.faults.order({ kind: "none" });
  await expect.poll(() => sidecar.report().fit, { timeout: 10_000 }).toBe(true);
});
afterAll(async () => {
  await sidecar?.close();
  await digits?.close();
});

describe("a fault of the model server gets its name", () => {
  it("a right server is healthy, proven and fit, and a verified copy of its files is kept", async () => {
    await expect.poll(() => sidecar.report().fit, { timeout: 5000 }).toBe(true);
    await expect.poll(() => sidecar.report().restorable.length, { timeout: 5000 }).toBe(1);
    expect(sidecar.report()).toMatchObject({
      verdict: { kind: "healthy" },
      goldens: "proven",
      bytes: "approved",
    });
  });

  it.each([
    [{ kind: "nan" } as const, "failed not-finite hard", "golden"],
    [{ kind: "garbage" } as const, "failed wrong-output hard", "golden"],
    [{ kind: "hang" } as const, "failed hung hard", "golden"],
    [{ kind: "error-rate", ratio: 1 } as const, "failed errors hard", "golden"],
    [{ kind: "drop-mid-body" } as const, "failed errors hard", "golden"],
  ])("%o: %s", async (order, verdict, rung) => {
    digits.server.faults.order(order);
    await expect.poll(() => sidecar.verdict(), { timeout: 10_000 }).toBe(verdict);
    const { verdict: found, fit } = sidecar.report();
    expect(found.evidence.map((evidence) => evidence.rung)).toContain(rung);
    expect(fit).toBe(false);
  });
});
void rm;
