import type { Command, Probe } from "@locum/contracts";
import { type HolderEffect, startHolder } from "@locum/coordination";
import { beforeEach, describe, expect, it } from "vitest";
import { createDrive, type Drive, type DrivePorts } from "./drive.ts";
import type { Finding } from "./ladder/rung.ts";

let nowMs: number;
let wallMs: number;
let sleptMs: number;
let drive: Drive;
let effects: HolderEffect[];
let dropped: Finding[];
let asks: string[];

const start = (role: "active" | "standby" = "active", poolClass: "stateless" | "exclusive" = "stateless") => {
  const held = { class: poolClass, incarnation: "boot", term: 3, epoch: 5, role };
  const ports: DrivePorts = {
    clock: { monotonicMs: () => nowMs, wallMs: () => wallMs },
    stalledMs: () => {
      const ms = sleptMs;
      sleptMs = 0;
      return ms;
    },
    heardAtMs: nowMs,
    judgePolicy: { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 },
    permitMaxAgeMs: 3000,
    dryRun: false,
    drainsWhole: false,
    peerFit: () => true,
    onAsk: ({ kind }) => asks.push(kind),
    onHolder: (effect) => effects.push(effect),
    onDropped: (finding) => dropped.push(finding),
    onTurn: () => {},
    onDefect: (error) => {
      throw error;
    },
  };
  drive = createDrive(startHolder({ ...held, atMs: nowMs, wallMs }), ports);
};
const pass = (ms: number) => {
  nowMs += ms;
  wallMs += ms;
};
const see = (probe: Probe, { startedMs = probe.atMs, timeout = false } = {}) => {
  drive.put({ kind: "finding", finding: { probe, startedMs, timeout } });
  drive.turn();
};
const missLive = (startedMs: number) =>
  see(
    { kind: "live", atMs: nowMs, ok: false, detail: "timeout", latencyMs: 500 },
    { startedMs, timeout: true },
  );
const command = (change: Partial<Command>): Command => ({
  id: "c1",
  term: 3,
  epoch: 5,
  incarnation: "boot",
  act: { kind: "demote" },
  reason: "",
  ...change,
});
const order = (change: Partial<Command>) => {
  effects = [];
  drive.put({ kind: "command", command: command(change) });
  drive.turn();
  return effects.map((effect) => (effect.kind === "answer" ? effect.result.code : effect.kind));
};

beforeEach(() => {
  nowMs = 10_000;
  wallMs = 1_700_000_000_000;
  sleptMs = 0;
  effects = [];
  dropped = [];
  asks = [];
  start();
});

describe("orders", () => {
  it.each<[string, Partial<Command>, string[]]>([
    ["of an older leader are refused", { term: 2 }, ["stale-term"]],
    ["of an older epoch are refused", { epoch: 4 }, ["stale-epoch"]],
    ["for another boot are refused", { incarnation: "earlier" }, ["wrong-incarnation"]],
    ["of this epoch are performed", {}, ["perform"]],
    ["of a newer epoch are performed once it is on disk", { epoch: 6 }, ["persist", "perform"]],
  ])("%s", (_name, change, expected) => {
    expect(order(change)).toEqual(expected);
  });

  it("are performed once, and answered again", () => {
    const first = command({});
    drive.put({ kind: "command", command: first });
    drive.turn();
    const result = { id: "c1", outcome: "done" as const, code: "ok", detail: "", tookMs: 1 };
    drive.put({ kind: "acted", command: first, result });
    drive.turn();
    expect(order({})).toEqual(["ok"]);
    expect(drive.state().holder.role).toBe("standby");
  });

  it("a fence closes the gate in the turn in which it comes", () => {
    order({ act: { kind: "fence" } });
    expect(drive.mayServe()).toBe(false);
  });
});

describe("an exclusive active", () => {
  const ack = (sentMs: number) => {
    drive.put({ kind: "ack", sentMs, term: 3, epoch: 6, leaseMs: 3000, mayEject: false });
    drive.turn();
  };
  beforeEach(() => {
    start("standby", "exclusive");
    const promote = command({ epoch: 6, act: { kind: "promote" } });
    drive.put({ kind: "command", command: promote });
    drive.turn();
    drive.put({
      kind: "acted",
      command: promote,
      result: { id: "c1", outcome: "done", code: "ok", detail: "", tookMs: 1 },
    });
    drive.turn();
  });

  it("serves from its first lease on, and not before", () => {
    expect(drive.mayServe()).toBe(false);
    ack(nowMs);
    expect(drive.mayServe()).toBe(true);
  });

  it("fences itself when its lease ends, a tenth early", () => {
    ack(nowMs);
    pass(2800);
    effects = [];
    drive.turn();
    expect(effects).toContainEqual({ kind: "fenced", reason: "lease-ended" });
    expect([drive.mayServe(), drive.state().holder.role]).toEqual([false, "fenced"]);
  });

  it("does not serve after a suspension that its monotonic clock did not see", () => {
    ack(nowMs);
    wallMs += 60_000;
    expect(drive.mayServe()).toBe(false);
    drive.turn();
    expect(effects).toContainEqual({ kind: "fenced", reason: "clock-jump" });
  });
});

describe("its own stall", () => {
  const live = () => drive.state().health.liveMisses;

  it("is no evidence: what timed out meanwhile is asked again", () => {
    const startedMs = nowMs;
    pass(2500);
    sleptMs = 2500;
    for (let miss = 0; miss < 3; miss += 1) missLive(startedMs);
    expect([live(), dropped.length]).toEqual([0, 3]);
  });

  it("does not excuse what is asked after it", () => {
    pass(2500);
    sleptMs = 2500;
    drive.turn();
    for (let miss = 0; miss < 3; miss += 1) {
      const startedMs = nowMs;
      pass(500);
      missLive(startedMs);
    }
    expect(live()).toBe(3);
  });

  it("does not excuse refusals and answers, which say the same whenever they are read", () => {
    const startedMs = nowMs;
    pass(2500);
    sleptMs = 2500;
    see({ kind: "process", atMs: nowMs, alive: false, again: true, detail: "refused" }, { startedMs });
    expect(drive.state().health.verdict.kind).toBe("failed");
  });

  it("shorter than 150 ms moves nothing", () => {
    const startedMs = nowMs;
    pass(600);
    sleptMs = 100;
    missLive(startedMs);
    expect(live()).toBe(1);
  });

  it("does not make the collector look silent", () => {
    const before = drive.state().heardAtMs;
    pass(5000);
    sleptMs = 5000;
    drive.turn();
    expect(drive.state().heardAtMs).toBe(before + 5000);
  });
});

describe("a permit for soft verdicts", () => {
  const soft = () => {
    see({ kind: "output", atMs: nowMs, finding: "status-5xx", contested: true, detail: "" });
    see({ kind: "output", atMs: nowMs, finding: "status-5xx", contested: true, detail: "" });
    see({ kind: "output", atMs: nowMs, finding: "status-5xx", contested: true, detail: "" });
    for (let miss = 0; miss < 3; miss += 1) missLive(nowMs);
  };
  const permit = (mayEject: boolean) => {
    drive.put({ kind: "ack", sentMs: nowMs, term: 3, epoch: 5, leaseMs: null, mayEject });
    drive.turn();
  };

  it.each<[string, () => unknown, boolean]>([
    ["fresh", () => permit(true), true],
    ["none at all", () => {}, false],
    ["refused", () => permit(false), false],
    ["too old", () => [permit(true), pass(3001)], false],
  ])("%s", (_name, prepare, diverted) => {
    prepare();
    soft();
    expect(drive.state().health.verdict).toMatchObject({ kind: "failed", hard: false });
    expect(drive.state().divert.diverted).toBe(diverted);
  });

  it("that was used is not taken back by the next ack, which counts this instance as gone", () => {
    permit(true);
    soft();
    permit(false);
    expect(drive.state().divert.diverted).toBe(true);
  });
});
