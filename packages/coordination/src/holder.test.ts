import type { Command } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import { type Holder, type HolderInput, hold, mayServe, startHolder } from "./holder.ts";

const start = (role: "active" | "standby", poolClass: "exclusive" | "stateless" = "exclusive"): Holder =>
  startHolder({
    class: poolClass,
    incarnation: "boot-1",
    term: 3,
    epoch: 5,
    role,
    atMs: 0,
    wallMs: 1_000_000,
  });
const command = (act: Command["act"], over: Partial<Command> = {}): Command => ({
  id: `c-${act.kind}-${over.epoch ?? 6}`,
  term: 3,
  epoch: 6,
  incarnation: "boot-1",
  act,
  reason: "",
  ...over,
});
const at = (atMs: number) => ({ atMs, wallMs: 1_000_000 + atMs });
const give = (holder: Holder, ...inputs: HolderInput[]) => {
  let step = { holder, effects: [] as ReturnType<typeof hold>["effects"] };
  for (const input of inputs) step = hold(step.holder, input);
  return step;
};
const done = (of: Command) =>
  ({
    kind: "acted",
    command: of,
    result: { id: of.id, outcome: "done", code: "ok", detail: "", tookMs: 1 },
  }) as const;
const promote = command({ kind: "promote" });
const promoted = give(
  start("standby"),
  { kind: "command", command: promote, ...at(10) },
  { ...done(promote), ...at(11) },
).holder;
const leased = give(promoted, {
  kind: "ack",
  sentMs: 20,
  term: 3,
  epoch: 6,
  leaseMs: 3000,
  ...at(25),
}).holder;

describe("commands", () => {
  const refusals: [string, Partial<Command>, string][] = [
    ["an older term", { term: 2 }, "stale-term"],
    ["an older epoch", { epoch: 4 }, "stale-epoch"],
    ["another incarnation", { incarnation: "boot-0" }, "wrong-incarnation"],
  ];
  it.each(refusals)("of %s are refused and change nothing", (_name, over, code) => {
    const before = start("standby");
    const { holder, effects } = give(before, {
      kind: "command",
      command: command({ kind: "promote" }, over),
      ...at(10),
    });
    expect(effects).toMatchObject([{ kind: "answer", result: { outcome: "refused", code } }]);
    expect(holder).toMatchObject({ term: 3, epoch: 5, role: "standby" });
  });

  it("persist a higher epoch before they are performed", () => {
    expect(
      give(start("standby"), { kind: "command", command: promote, ...at(10) }).effects.map(
        ({ kind }) => kind,
      ),
    ).toEqual(["persist", "perform"]);
  });

  it("are performed once: a repeat gets the first result", () => {
    const again = give(promoted, { kind: "command", command: promote, ...at(30) });
    expect(again.effects).toMatchObject([{ kind: "answer", result: { outcome: "done" } }]);
  });

  it("close the gate at once on a fence", () => {
    const { holder } = give(leased, {
      kind: "command",
      command: command({ kind: "fence" }, { epoch: 7 }),
      ...at(100),
    });
    expect(mayServe(holder, 100)).toBe(false);
  });

  it("do not take effect when a higher epoch came while they ran", () => {
    const running = give(
      start("standby"),
      { kind: "command", command: promote, ...at(10) },
      { kind: "ack", sentMs: 9, term: 3, epoch: 7, leaseMs: null, ...at(12) },
    ).holder;
    expect(give(running, { ...done(promote), ...at(13) }).holder.role).toBe("standby");
  });
});

describe("the lease of an exclusive active", () => {
  it("is needed to serve: a promotion alone is not enough", () => {
    expect(mayServe(promoted, 15)).toBe(false);
    expect(mayServe(leased, 30)).toBe(true);
  });
  it("runs from the send time, ten per cent short", () => {
    expect(mayServe(leased, 20 + 2699)).toBe(true);
    expect(mayServe(leased, 20 + 2700)).toBe(false);
  });
  it("ends in a self-fence that later acks do not lift", () => {
    const fenced = give(leased, { kind: "tick", ...at(2720) });
    expect(fenced.effects).toContainEqual({ kind: "fenced", reason: "lease-ended" });
    const acked = give(fenced.holder, {
      kind: "ack",
      sentMs: 2725,
      term: 3,
      epoch: 6,
      leaseMs: 3000,
      ...at(2730),
    });
    expect(mayServe(acked.holder, 2731)).toBe(false);
  });
  it("ends when the machine slept: the wall clock ran ahead", () => {
    const woken = give(leased, { kind: "tick", atMs: 100, wallMs: 1_000_000 + 60_000 });
    expect(woken.effects).toContainEqual({ kind: "fenced", reason: "clock-jump" });
  });
  it("is not extended by an ack of an older term or epoch", () => {
    const stale = give(
      leased,
      { kind: "ack", sentMs: 1000, term: 2, epoch: 6, leaseMs: 3000, ...at(1001) },
      { kind: "ack", sentMs: 1000, term: 3, epoch: 5, leaseMs: 3000, ...at(1002) },
    );
    expect(stale.holder.leaseUntilMs).toBe(leased.leaseUntilMs);
  });
  it("does not survive a restart of the sidecar", () => {
    expect(mayServe(start("active"), 1)).toBe(false);
  });
});

it("a stateless instance serves whatever happens to the collector", () => {
  const stateless = start("active", "stateless");
  expect(
    mayServe(
      give(stateless, { kind: "tick", atMs: 100, wallMs: 9e12 }, { kind: "tick", ...at(1e9) }).holder,
      1e9,
    ),
  ).toBe(true);
});
