import type { Report } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";
import type { Effect, Input } from "./decision.ts";
import { bad, corrupt, failed, fleet, older, r1, right } from "./fleet.fixture.ts";
import { startService } from "./service-start.ts";

describe("a failed active of a stateless service", () => {
  it("is replaced by the proven standby: intent stored before the command, promoted, seen on the path, settled", () => {
    const world = fleet();
    world.report("a", failed("process-gone"));
    expect(world.sent()).toEqual(["prepare b"]);
    const kinds = world.log.map(({ kind }) => kind);
    expect(kinds.indexOf("store")).toBeLessThan(kinds.indexOf("send"));
    world.answer("prepare");
    expect(world.state().durable.roles).toEqual({ a: "standby", b: "active" });
    expect(world.sent()).toContain("promote b");
    world.answer("promote");
    world.report("b");
    expect(world.log).toContainEqual({
      kind: "verify-path",
      promotion: expect.any(String),
      epoch: 1,
      instance: "b",
    });
    world.give({ kind: "path", promotion: world.state().durable.promotion?.id ?? "", ok: true, detail: "" });
    expect(world.audits()).toEqual(
      expect.arrayContaining(["incident.open", "promote.intent", "promote.commit", "promote.settle"]),
    );
    expect(world.state().durable).toMatchObject({ epoch: 1, promotion: null });
  });

  const unfit: [string, Partial<Report>, string][] = [
    [
      "files that no release owns",
      { bytes: "unapproved", fit: false },
      "its files belong to no approved release",
    ],
    ["failing goldens", { ...failed("wrong-output") }, "failed (wrong-output)"],
    ["an old proof", { provenAgeMs: 61_000 }, "last proven 61 s ago"],
    ["goldens not all asked yet", { goldens: "partial", fit: false }, "goldens partial"],
  ];
  it.each(unfit)("is not replaced by a standby with %s", (_name, patch, reason) => {
    const world = fleet();
    world.report("b", patch);
    world.report("a", failed("process-gone"));
    expect(world.sent().filter((line) => line.startsWith("prepare") || line.startsWith("promote"))).toEqual(
      [],
    );
    expect(world.log).toContainEqual(
      expect.objectContaining({
        kind: "audit",
        event: expect.objectContaining({ kind: "no-candidate", reason: `b: ${reason}` }),
      }),
    );
  });

  it("burns the epoch when the candidate does not prove itself, and tries the next one", () => {
    const world = fleet({ ids: ["a", "b", "c"] });
    world.report("a", failed("process-gone"));
    world.answer("prepare", "refused");
    expect(world.audits()).toContain("promote.abort");
    expect(
      world
        .commands()
        .filter(({ act }) => act.kind === "prepare")
        .map(({ to, epoch }) => [to, epoch]),
    ).toEqual([
      ["b", 1],
      ["c", 2],
    ]);
  });

  it("keeps its place when it proves itself again before the commit", () => {
    const world = fleet();
    world.report("a", failed("hung", false));
    world.report("a", { ...right, role: "active" });
    expect(world.state().durable).toMatchObject({ promotion: null, epoch: 1, roles: { a: "active" } });
  });
});

describe("bytes x goldens", () => {
  it("both bad: restore with reload, compare-and-swap on the judged tree", () => {
    const world = fleet();
    world.report("a", corrupt);
    expect(world.commands().find(({ act }) => act.kind === "restore")).toMatchObject({
      to: "a",
      act: { judged: bad, release: r1, reload: true },
    });
  });
  it("bytes bad, goldens good: repaired quietly, no traffic moved", () => {
    const world = fleet();
    world.report("a", { bytes: "unapproved", tree: bad, fit: false });
    expect(world.commands().map(({ act }) => act)).toEqual([
      { kind: "restore", judged: bad, release: r1, reload: false },
    ]);
  });
  it("bytes bad, goldens good, and someone still writes: waits, and calls it no incident", () => {
    const world = fleet();
    world.report("a", { bytes: "unapproved", tree: bad, fit: false, quietMs: 100 });
    expect(world.sent()).toEqual([]);
    expect(world.audits()).not.toContain("incident.open");
    world.report("a", { quietMs: 2000 });
    expect(world.audits()).toContain("incident.open");
    expect(world.sent()).toEqual(["restore a"]);
  });
  it("bytes good, goldens bad: reload, then restart where a driver is, then a person", () => {
    const world = fleet({ config: { failover: { actionsMax: 9 } } });
    world.report("a", { ...failed("wrong-output"), canRestart: true });
    expect(world.sent()).toContain("reload a");
    world.answer("reload", "failed");
    world.pass(1100);
    expect(world.sent()).toContain("restart a");
    world.answer("restart", "failed");
    world.pass(1100);
    expect(world.log).toContainEqual(
      expect.objectContaining({
        kind: "audit",
        event: expect.objectContaining({ reason: expect.stringContaining("suspect the node") }),
      }),
    );
  });
  it("without a restart driver it says that one is needed", () => {
    const world = fleet();
    world.report("a", failed("wrong-output"));
    world.answer("reload", "failed");
    world.pass(1100);
    const reasons = world.log.flatMap((effect) => (effect.kind === "audit" ? [effect.event.reason] : []));
    expect(reasons).toContainEqual(expect.stringContaining("no restart driver is configured"));
  });
  it("a hang without a restart driver is met with a reload, once; then its supervisor has to", () => {
    const world = fleet();
    world.report("a", failed("hung"));
    world.answer("reload", "failed");
    for (let waited = 0; waited < 8; waited++) world.pass(600);
    expect(world.sent().filter((line) => line.startsWith("re"))).toEqual(["reload a"]);
  });
  it("the intent of a repair holds the evidence that led to it", () => {
    const world = fleet();
    const evidence = [{ rung: "process" as const, atMs: 1, detail: "connection refused, asked twice" }];
    const verdict = { kind: "failed" as const, failure: "process-gone" as const, hard: true, evidence };
    world.report("a", { ...failed("process-gone"), verdict, canRestart: true });
    const intent = world.log.find(
      (effect) => effect.kind === "audit" && effect.event.kind === "restart.intent",
    );
    expect(intent).toMatchObject({
      event: { reason: "process-gone with right files: connection refused, asked twice" },
    });
  });
  it("holds where another system deploys", () => {
    const world = fleet({ config: { failover: { onUnapproved: "hold" } } });
    world.report("a", corrupt);
    expect(world.sent().filter((line) => line.startsWith("restore"))).toEqual([]);
  });
  it("does not restore two instances of one volume at once", () => {
    const world = fleet();
    for (const instance of world.state().plan.instances) Object.assign(instance, { volume: "v" });
    world.report("a", corrupt);
    world.report("b", corrupt);
    expect(world.sent().filter((line) => line.startsWith("restore"))).toEqual(["restore a"]);
  });
  it("does not repeat at once what just failed", () => {
    const world = fleet();
    world.report("a", { ...failed("process-gone"), canRestart: true });
    world.answer("restart", "failed");
    world.pass(100);
    expect(world.sent().filter((line) => line === "restart a")).toHaveLength(1);
    for (let waited = 0; waited < 3; waited++) world.pass(500);
    expect(world.sent().filter((line) => line === "restart a")).toHaveLength(2);
  });
  it("stops repeating what does not help, and still promotes", () => {
    const world = fleet();
    for (let tries = 0; tries < 4; tries++) {
      world.report("a", corrupt);
      if (tries < 3) world.answer("restore", "failed");
      for (let waited = 0; waited < 8; waited++) world.pass(600);
    }
    expect(world.sent().filter((line) => line === "restore a")).toHaveLength(3);
    expect(world.audits()).toContain("budget.exhausted");
    expect(world.sent()).toContain("prepare b");
  });
});

describe("wrong everywhere is not a failure of each", () => {
  const wrong = { ...failed("wrong-output") };
  it("freezes the release: no restore, no promotion, said once", () => {
    const world = fleet();
    world.report("b", wrong);
    world.report("a", wrong);
    const before = world.sent().length;
    world.pass(5000);
    expect(world.state().durable.frozen).toEqual([r1]);
    expect(world.sent().slice(before)).toEqual([]);
    expect(world.audits().filter((kind) => kind === "all-wrong")).toHaveLength(1);
  });
  it("rolls one instance back first, judged by the older release", () => {
    const world = fleet({ config: { golden: { allWrong: "rollback" } } });
    for (const id of ["b", "a"]) world.report(id, { ...wrong, restorable: [r1, older] });
    for (const id of ["b"]) if (world.sent().includes(`reload ${id}`)) world.answer("reload", "failed");
    world.pass(100);
    const restores = world.commands().filter(({ act }) => act.kind === "restore");
    expect(restores).toMatchObject([{ to: "a", act: { release: older } }]);
  });
});

describe("silence", () => {
  const silence = (world: ReturnType<typeof fleet>, beat: string[]) => {
    for (let step = 0; step < 9; step++) world.pass(500, { beat });
  };
  it("of one instance promotes its standby", () => {
    const world = fleet();
    silence(world, ["b"]);
    expect(world.sent()).toContain("prepare b");
  });
  it("of three at once is a fault of the observer: nobody is promoted", () => {
    const world = fleet({ ids: ["a", "b", "c", "d"] });
    silence(world, ["d"]);
    expect(world.sent()).toEqual([]);
    expect(world.audits()).toContain("mass-silence");
  });
  it("during the observer's own stall is credited to everybody", () => {
    const world = fleet();
    world.pass(5000, { beat: [], stalledMs: 5000 });
    expect(world.sent()).toEqual([]);
  });
});

describe("an exclusive service", () => {
  const exclusive = { config: { class: "exclusive" } };
  it("commits only after the old active is fenced", () => {
    const world = fleet(exclusive);
    world.report("a", failed("wrong-output"));
    world.answer("prepare");
    expect(world.state().durable.roles.b).toBe("standby");
    world.answer("fence");
    expect(world.state().durable.roles).toEqual({ a: "fenced", b: "active" });
  });
  it("waits for the lease of an active that does not answer", () => {
    const world = fleet(exclusive);
    world.report("a", failed("hung"));
    world.answer("prepare");
    for (let step = 0; step < 4; step++) world.pass(500, { beat: ["b"] });
    expect(world.state().durable.roles.b).toBe("standby");
    for (let step = 0; step < 4; step++) world.pass(500, { beat: ["b"] });
    expect(world.state().durable.roles.b).toBe("active");
  });
  it("grants no lease while it is being fenced, nor past its own leadership", () => {
    const world = fleet(exclusive);
    const leases = () =>
      world.log.flatMap((effect) =>
        effect.kind === "ack" && effect.instance === "a" ? [effect.leaseMs] : [],
      );
    world.report("a");
    world.give({ kind: "tick", stalledMs: 0, fleetSilent: 0, fleetSize: 2, leadUntilMs: 0 });
    world.report("a");
    expect(leases()).toEqual([3000, null]);
  });
});

describe("the collector's own state", () => {
  it("resumes an open promotion after a restart, under the same epoch", () => {
    const world = fleet();
    world.report("a", failed("process-gone"));
    const { durable, plan } = world.state();
    let state = startService(plan);
    const effects: Effect[] = [];
    const give = (event: object) => {
      const decision = decide(state, { atMs: 10, wallMs: 1_700_000_006_100, ...event } as Input);
      state = decision.state;
      effects.push(...decision.effects);
      for (const effect of decision.effects)
        if (effect.kind === "store")
          give({ kind: "stored", version: effect.durable.version, ok: true, found: null });
    };
    give({ kind: "start", term: 2, durable, incidents: [], leadUntilMs: Number.POSITIVE_INFINITY });
    for (const id of ["a", "b"]) give({ kind: "connected", instance: id, incarnation: `boot-${id}` });
    give({ kind: "report", instance: "b", incarnation: "boot-b", seq: 1, sentMs: 0, report: right });
    const prepare = effects.find((effect) => effect.kind === "send");
    expect(prepare).toMatchObject({
      instance: "b",
      command: { term: 2, epoch: 1, act: { kind: "prepare" } },
    });
  });
  it("only observes when a sidecar has seen a newer epoch than the store", () => {
    const world = fleet();
    world.give({
      kind: "report",
      instance: "a",
      incarnation: "boot-a",
      seq: 1,
      sentMs: 0,
      report: { ...right, ...failed("process-gone"), role: "active", epoch: 99 },
    });
    expect(world.sent()).toEqual([]);
    expect(world.state().observeOnly).toBe(true);
  });
  it("sends nothing in a dry run, and says once what it would do", () => {
    const world = fleet({ config: { failover: { mode: "dry-run" } } });
    world.report("a", corrupt);
    world.pass(500);
    expect(world.sent()).toEqual([]);
    expect(world.log.filter(({ kind }) => kind === "would")).toHaveLength(2);
  });
  it("does nothing by itself while paused, and goes on afterwards", () => {
    const world = fleet();
    world.give({
      kind: "order",
      order: { kind: "pause", id: "p", by: "me", reason: "", untilWallMs: 1_700_000_100_000 },
    });
    world.report("a", failed("process-gone"));
    expect(world.sent()).toEqual([]);
    world.give({ kind: "order", order: { kind: "resume", id: "q", by: "me", reason: "" } });
    expect(world.sent()).toContain("prepare b");
  });
  it("gives a repeated order one operation", () => {
    const world = fleet();
    const order = { kind: "promote", id: "op-1", by: "me", reason: "", instance: "b", force: false } as const;
    world.give({ kind: "order", order });
    world.give({ kind: "order", order });
    expect(world.sent()).toEqual(["prepare b"]);
    expect(Object.keys(world.state().durable.operations)).toEqual(["op-1"]);
  });
});

describe("a drill", () => {
  it("is named by the incident that it causes, and by no other", () => {
    const world = fleet();
    const order = {
      kind: "drill",
      id: "drill-7",
      by: "me",
      reason: "",
      instance: "a",
      fault: "nan",
      ms: 3000,
    } as const;
    world.give({ kind: "order", order });
    world.report("a", failed("wrong-output"));
    world.report("b", failed("wrong-output"));
    const drills = world.log.flatMap((effect) =>
      effect.kind === "incident" ? [[effect.incident.instance, effect.incident.drill]] : [],
    );
    expect(drills).toContainEqual(["a", "drill-7"]);
    expect(drills).toContainEqual(["b", null]);
  });
});

describe("capacity before a soft ejection", () => {
  const permit = (patch: Partial<Report>) => {
    const world = fleet();
    world.report("b", patch);
    world.report("a");
    return world.log.findLast((effect) => effect.kind === "ack" && effect.instance === "a");
  };
  it.each<[string, Partial<Report>, boolean]>([
    ["the other carries the load", { capacityPerSecond: 100 }, true],
    ["the other cannot carry it", { capacityPerSecond: 40 }, false],
    ["the other is not fit", { fit: false }, false],
  ])("%s", (_name, patch, mayEject) => expect(permit(patch)).toMatchObject({ mayEject }));
});
