import { Fault } from "@locum/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Digits, newApprover, recordRelease, startDigits, writeRelease } from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

const patient = { timeout: 20_000, interval: 20 };
let isFull: boolean;
let digits: Digits;
let sidecar: StartedSidecar;
let kept: { kind: string; reason: string; facts: Record<string, unknown> }[];

beforeEach(async () => {
  isFull = true;
  kept = [];
  const approver = newApprover();
  digits = await startDigits();
  await writeRelease(`${digits.dir}/releases`, await recordRelease(digits, approver));
  const service = serviceOf([{ id: "a", digits }], { approver, dir: digits.dir });
  sidecar = await startSidecar(service, "a", {
    change: (deps) => ({
      ...deps,
      spool: {
        ...deps.spool,
        async put(event) {
          if (isFull) throw new Fault("disk-full", "no room");
          kept.push(event);
          return deps.spool.put(event);
        },
      },
    }),
  });
  await expect.poll(() => sidecar.report().fit, patient).toBe(true);
});
afterEach(async () => {
  await sidecar.close();
  await digits.close();
});

test("a repair whose intent cannot be written does not run, and does when it can; the log has both", async () => {
  digits.server.faults.order({ kind: "nan", untilReload: true });
  await expect.poll(() => sidecar.logs.join("\n"), patient).toContain("does not repair");
  expect(sidecar.verdict()).toBe("failed not-finite hard");
  // It goes on protecting whoever asks: new requests go elsewhere, where there is another.
  expect(sidecar.report().fit).toBe(false);
  expect(kept).toEqual([]);
  isFull = false;
  await expect.poll(() => sidecar.report().fit, patient).toBe(true);
  await expect
    .poll(() => kept.filter(({ kind }) => kind === "reload.result").length, patient)
    .toBeGreaterThan(1);
  const story = kept
    .filter(({ kind }) => kind.startsWith("reload."))
    .map(({ kind, facts }) => [kind, facts.outcome]);
  expect(story.slice(0, 2)).toEqual([
    ["reload.intent", undefined],
    ["reload.result", "refused"],
  ]);
  expect(story.slice(-2)).toEqual([
    ["reload.intent", undefined],
    ["reload.result", "done"],
  ]);
});
