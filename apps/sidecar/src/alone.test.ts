import { type Report, ServiceConfig } from "@locum/contracts";
import { expect, it } from "vitest";
import { createAlone } from "./alone.ts";
import type { SidecarConfig } from "./config.ts";
import type { DriveState } from "./drive.ts";

const gone = {
  verdict: { kind: "failed", failure: "process-gone", hard: true, evidence: [] },
  bytes: "approved",
  canRestart: true,
} as unknown as Report;
const state = { heardAtMs: 0, stallEndMs: 0, policy: null } as unknown as DriveState;
const alone = (failover: object = {}) =>
  createAlone({
    service: ServiceConfig.parse({
      apiVersion: "locum.dev/v1alpha1",
      service: "s",
      instances: [{ id: "a", url: "http://127.0.0.1:1" }],
      failover,
    }),
  } as SidecarConfig);
/** Asked ten times a second, as by the routine: when it acts. */
const actsOver = (ms: number, one = alone(), view: Partial<DriveState> = {}): number[] => {
  const acted: number[] = [];
  for (let nowMs = 100; nowMs <= ms; nowMs += 100)
    if (one.next({ state: { ...state, ...view }, report: gone, repairing: false, nowMs })) acted.push(nowMs);
  return acted;
};

it("waits for its collector, and then does not repeat at once what did not help", () => {
  expect(actsOver(20_000)).toEqual([3100, 4100, 6100]);
});
it("does nothing while paused or in a dry run", () => {
  const paused = {
    policy: { number: 1, frozen: [], allWrong: "serve", paused: true, peers: [] },
  } as Partial<DriveState>;
  expect(actsOver(20_000, alone(), paused)).toEqual([]);
  expect(actsOver(20_000, alone({ mode: "dry-run" }))).toEqual([]);
});
