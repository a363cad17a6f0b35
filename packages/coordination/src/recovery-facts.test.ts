import { describe, expect, it } from "vitest";
import type { OpenIncident } from "./decision.ts";
import { failed, fleet, right } from "./fleet.fixture.ts";
import { recoveryFacts } from "./recovery-facts.ts";

const closing = (world: ReturnType<typeof fleet>) =>
  world.log.flatMap((effect) =>
    effect.kind === "audit" && effect.event.kind === "incident.close" ? [effect.event.facts] : [],
  );
const recover = (world: ReturnType<typeof fleet>) => {
  world.answer("prepare");
  world.answer("promote");
  world.report("b");
  world.give({ kind: "path", promotion: world.state().durable.promotion?.id ?? "", ok: true, detail: "" });
  world.pass(700, { beat: ["b"] });
  world.report("a", right);
};

describe("the record that closes an incident", () => {
  it("says how long divert and restore took, and whether the objectives were met", () => {
    const world = fleet();
    world.report("a", { ...failed("process-gone"), diverted: false });
    world.pass(40);
    world.report("a", failed("process-gone"));
    recover(world);
    expect(closing(world)).toEqual([
      {
        failure: "process-gone",
        tookMs: 740,
        drill: false,
        divertMs: 40,
        rtoMs: 40,
        restoreMs: 740,
        objectives: "met",
      },
    ]);
  });

  it("measures a drill from its order", () => {
    const world = fleet({ config: { objectives: { detectMs: 100, rtoMs: 1000, restoreMs: 5000 } } });
    const order = { kind: "drill", id: "d", by: "me", reason: "", instance: "a", fault: "kill", ms: 3000 };
    world.give({ kind: "order", order: order as never });
    world.pass(300);
    world.report("a", failed("process-gone"));
    recover(world);
    expect(closing(world)).toMatchObject([
      {
        drill: true,
        detectMs: 300,
        divertMs: 0,
        rtoMs: 300,
        restoreMs: 1000,
        tookMs: 700,
        objectives: "missed",
      },
    ]);
  });

  it("counts a promotion as the divert of an instance that says nothing any more", () => {
    const world = fleet();
    for (let step = 0; step < 40 && !world.sent().includes("prepare b"); step++)
      world.pass(500, { beat: ["b"] });
    recover(world);
    const [facts] = closing(world);
    expect(facts).toMatchObject({ failure: "silent", restoreMs: expect.any(Number) });
    expect(facts?.divertMs).toBeLessThan(Number(facts?.restoreMs));
  });
});

describe("the record of a drill's end", () => {
  it("says which fault it was", () => {
    const world = fleet();
    const order = { kind: "drill", id: "d", by: "me", reason: "", instance: "a", fault: "kill", ms: 3000 };
    world.give({ kind: "order", order: order as never });
    world.answer("drill");
    const ended = world.log.flatMap((effect) =>
      effect.kind === "audit" && effect.event.kind === "drill.result" ? [effect.event.facts] : [],
    );
    expect(ended).toEqual([{ operation: "d", outcome: "done", code: "ok", tookMs: 5, fault: "kill" }]);
  });
});

describe("times", () => {
  const incident = { openedAtMs: 1000, safeAtMs: 900 } as OpenIncident;
  it("are never negative, whatever the wall clock did", () => {
    expect(recoveryFacts({ incident, rightAtMs: 500, faultAtMs: 2000, objectives: undefined })).toEqual({
      detectMs: 0,
      divertMs: 0,
      rtoMs: 0,
      restoreMs: 0,
    });
  });
  it("of a divert that was not seen are not there", () => {
    const { safeAtMs: _, ...unseen } = incident;
    expect(
      recoveryFacts({ incident: unseen, rightAtMs: 1500, faultAtMs: null, objectives: undefined }),
    ).toEqual({ restoreMs: 500 });
  });
});
