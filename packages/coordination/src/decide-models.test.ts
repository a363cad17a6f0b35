import type { ModelReport, Report } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import { bad, failed, fleet, r1 } from "./fleet.fixture.ts";
import { repairFor, repeatsOf, triedBy } from "./repair-for.ts";

const model: ModelReport = {
  verdict: { kind: "healthy", evidence: [] },
  goldens: "proven",
  provenAgeMs: 1000,
  release: r1,
  fit: true,
  diverted: false,
};
const wrong: ModelReport = {
  ...model,
  verdict: { kind: "failed", failure: "wrong-output", hard: true, evidence: [] },
  goldens: "failed",
  fit: false,
  diverted: true,
};
const both: Partial<Report> = { models: { x: model, y: model } };
/** Model y is wrong, its neighbour x and their server are not. */
const partial: Partial<Report> = { models: { x: model, y: wrong }, goldens: "failed", fit: false };
const right: Partial<Report> = { ...both, goldens: "proven", fit: true };

function started(options: Parameters<typeof fleet>[0] = {}) {
  const one = fleet(options);
  for (const { id } of one.state().plan.instances) one.report(id, both);
  one.pass(500);
  one.log.length = 0;
  return one;
}
const actsOf = (one: ReturnType<typeof fleet>) => one.commands().map(({ to, act }) => ({ to, ...act }));

describe("one wrong model of several", () => {
  it("is loaded again by itself, and nobody is promoted for it", () => {
    const one = started();
    one.report("a", partial);
    one.pass(500);
    one.pass(500);
    expect(actsOf(one)).toEqual([{ to: "a", kind: "reload", models: ["y"] }]);
    expect(one.audits()).toEqual(
      expect.arrayContaining(["verdict.change", "divert.start", "incident.open", "reload.intent"]),
    );
    expect(one.audits()).not.toContain("promote.intent");
    one.answer("reload");
    one.report("a", right);
    one.pass(500);
    expect(one.audits()).toContain("incident.close");
  });

  it("gets its files back with a reload of its own", () => {
    const one = started();
    one.report("a", { ...partial, bytes: "unapproved", tree: bad });
    one.pass(500);
    expect(actsOf(one)).toEqual([
      { to: "a", kind: "restore", judged: bad, release: r1, reload: true, models: ["y"] },
    ]);
  });

  it("is held where a reload did not help, and never restarted for", () => {
    const one = started();
    one.report("a", { ...partial, canRestart: true });
    one.pass(500);
    one.answer("reload", "failed");
    for (let step = 0; step < 10; step += 1) one.pass(1000);
    expect(one.sent()).toEqual(["reload a"]);
    expect(one.audits()).toContain("command.refused");
  });

  it("moves the role where a watcher has moved everything", () => {
    const one = started();
    one.report("a", { ...partial, diverted: true });
    one.pass(500);
    expect(one.sent()).toContain("prepare b");
  });

  it("moves the role of an exclusive active, to somebody who is fit for all", () => {
    const one = started({ config: { class: "exclusive", posture: "tap" } });
    one.report("a", partial);
    one.pass(500);
    expect(one.sent()).toEqual(expect.arrayContaining(["fence a", "prepare b"]));
  });

  it("makes a standby unfit, whoever is failing", () => {
    const one = started();
    one.report("b", partial);
    one.report("a", { ...failed("process-gone"), models: both.models });
    one.pass(500);
    expect(one.sent()).not.toContain("prepare b");
    const said = one.log.flatMap((effect) =>
      effect.kind === "audit" && effect.event.kind === "no-candidate" ? [effect.event.reason] : [],
    );
    expect(said).toEqual(["b: answers wrongly for y"]);
  });
});

describe("one model that is wrong everywhere", () => {
  it("is not repaired, its neighbours are, and the policy names it until somebody is right", () => {
    const one = started();
    const frozen = () =>
      one.log.flatMap((effect) => (effect.kind === "policy" ? [effect.policy.frozenModels] : [])).at(-1);
    one.report("a", partial);
    one.report("b", partial);
    one.pass(100);
    const reloads = one.sent().filter((text) => text.startsWith("reload")).length;
    one.pass(500);
    one.pass(500);
    expect(one.audits()).toContain("all-wrong");
    expect(frozen()).toEqual({ [r1]: ["y"] });
    expect(one.sent().filter((text) => text.startsWith("reload"))).toHaveLength(reloads);
    expect(one.state().durable.frozen).toEqual([]);
    one.report("b", right);
    one.pass(500);
    expect(frozen()).toBeUndefined();
  });
});

describe("what was tried", () => {
  type Act = Parameters<typeof triedBy>[0];
  it.each<[Act, string[], number]>([
    [{ kind: "reload" }, ["reload"], 1],
    [{ kind: "reload", models: ["y"] }, ["reload:x", "reload:y", "reload:y"], 2],
    [{ kind: "reload", models: ["x", "y"] }, ["reload:x"], 1],
    [{ kind: "restart" }, ["reload:x"], 0],
  ])("%j after %j", (act, tried, repeats) => {
    expect(repeatsOf(act, tried)).toBe(repeats);
    expect(triedBy(act).every((key) => key.startsWith(act.kind))).toBe(true);
  });

  it("of one model says nothing of another that fails later", () => {
    const policy = { onUnapproved: "restore", settleMs: 0, frozen: [], rollbackTo: null } as const;
    const report = { ...fleet().state().members.a?.report, ...partial } as Report;
    expect(repairFor(report, { ...policy, tried: ["reload:x"] })).toMatchObject({
      act: { kind: "reload", models: ["y"] },
    });
    expect(repairFor(report, { ...policy, tried: ["reload:y"] }).kind).toBe("hold");
  });
});

describe("a shadow", () => {
  const instances = ["a", "b", "c"].map((id, index) => ({
    id,
    url: `http://127.0.0.1:${index + 1}`,
    role: index === 0 ? "active" : "standby",
    shadow: id === "c",
  }));
  const withShadow = () => fleet({ ids: ["a", "b", "c"], config: { instances } });

  it("is no candidate, not even by order", () => {
    const one = withShadow();
    one.report("b", failed("hung"));
    one.report("a", failed("process-gone"));
    one.pass(500);
    one.give({
      kind: "order",
      order: { id: "o1", by: "me", reason: "", kind: "promote", instance: "c", force: true },
    });
    expect(one.sent().filter((text) => text.startsWith("prepare"))).toEqual([]);
    expect(one.state().durable.operations.o1).toMatchObject({ state: "refused" });
  });

  it("is no witness of what is wrong everywhere, and no peer", () => {
    const one = withShadow();
    one.report("c", failed("wrong-output"));
    one.report("a", failed("wrong-output"));
    one.pass(500);
    expect(one.state().durable.frozen).toEqual([]);
    expect(one.state().policy?.peers.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("is no capacity: nobody may leave for it", () => {
    const one = withShadow();
    one.report("b", failed("hung"));
    one.log.length = 0;
    one.report("a", {});
    const acks = one.log.flatMap((effect) =>
      effect.kind === "ack" && effect.instance === "a" ? [effect.mayEject] : [],
    );
    expect(acks).toEqual([false]);
  });

  it("that was active before it became one is a standby from the next start on", () => {
    const one = withShadow();
    const durable = { ...one.state().durable, roles: { a: "standby", b: "standby", c: "active" } as const };
    one.give({ kind: "start", term: 2, durable, incidents: [], leadUntilMs: Number.POSITIVE_INFINITY });
    expect(one.state().durable.roles.c).toBe("standby");
  });
});
