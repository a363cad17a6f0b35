import { expect, it } from "vitest";
import type { ServicePlan } from "./decision.ts";
import { failed, fleet } from "./fleet.fixture.ts";

const withIds = (plan: ServicePlan, ...ids: string[]): ServicePlan => ({
  ...plan,
  instances: ids.map((id) => ({ id, role: "active", volume: id, domain: id })),
});

it("who comes is a member with its role, who goes is forgotten with its incident", () => {
  const world = fleet();
  world.report("b", failed("wrong-output"));
  expect(Object.values(world.state().incidents)).toHaveLength(1);
  world.give({ kind: "plan", plan: withIds(world.state().plan, "a", "c") });
  const { members, durable, incidents } = world.state();
  expect(Object.keys(members)).toEqual(["a", "c"]);
  expect(durable.roles).toEqual({ a: "active", c: "active" });
  expect(incidents).toEqual({});
  const kinds = world.log.flatMap((effect) => (effect.kind === "audit" ? [effect.event.kind] : []));
  expect(kinds.slice(-3)).toEqual(["incident.close", "instance.go", "instance.come"]);
});

it("an exclusive active that is gone stays until it is missed and another one is promoted", () => {
  const exclusive = { class: "exclusive", posture: "tap" };
  const world = fleet({ ids: ["a", "b"], config: exclusive });
  expect(world.state().durable.roles.a).toBe("active");
  world.give({ kind: "plan", plan: withIds(world.state().plan, "b", "c") });
  const { members, durable, plan } = world.state();
  expect(Object.keys(members)).toEqual(["b", "c", "a"]);
  expect(durable.roles).toEqual({ a: "active", b: "standby", c: "standby" });
  expect(plan.class).toBe("exclusive");
});

it("the same plan again changes nothing that is stored", () => {
  const world = fleet();
  const before = world.state().durable;
  const effects = world.give({ kind: "plan", plan: world.state().plan });
  expect(world.state().durable).toEqual(before);
  expect(effects.filter(({ kind }) => kind !== "policy")).toEqual([]);
});
