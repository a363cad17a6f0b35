import { Fault } from "@locum/contracts";
import { type ApiRequest, type Caller, type Handlers, hasRole } from "@locum/contracts/mount";
import type { Routes } from "@locum/contracts/routes";
import type { Clock } from "@locum/runtime";
import type { AuditGate } from "./audit-gate.ts";
import type { Fleet } from "./fleet.ts";
import { type Asked, takeOrder } from "./orders.ts";
import type { People } from "./people.ts";
import type { Store } from "./store.ts";

type Deps = {
  fleet: Fleet;
  store: Store;
  gate: Pick<AuditGate, "assertOpen">;
  people: Pick<People, "actorOf" | "nameOf">;
  clock: Clock;
  newId: () => string;
};
type Target = { service: string; instance: string; reason: string };

/** What people order. Whether it is safe is decided by the core; here is only who may ask, and for what exists. */
export function orderHandlers({ fleet, store, gate, people, clock, newId }: Deps) {
  const ports = { fleet, store, people, newId, wallMs: clock.wallMs };
  const order = async (
    { service, instance }: Target,
    key: string,
    caller: Caller | null,
    asked: Asked["order"],
  ): Promise<Response> => {
    if (!fleet.get(service).config.instances.some(({ id }) => id === instance))
      throw new Fault("not-found", `no instance ${service}/${instance} is configured here`);
    gate.assertOpen();
    const operation = await takeOrder(ports, {
      service,
      key,
      by: await people.actorOf(caller),
      order: asked,
    });
    return Response.json(operation, {
      status: 202,
      headers: { location: `/v1/operations/${operation.id}` },
    });
  };
  type Plain = Pick<ApiRequest<Routes["reload"]>, "body" | "headers" | "caller">;
  const plain =
    (kind: "reload" | "restart" | "failback") =>
    ({ body, headers, caller }: Plain) =>
      order(body, headers["idempotency-key"], caller, { kind, instance: body.instance, reason: body.reason });

  return {
    promote: ({ body, headers, caller }) => {
      const { instance, reason, force } = body;
      if (force && !(caller && hasRole(caller, "admin")))
        throw new Fault("not-authorised", "force goes over the safety rules and needs the role admin");
      return order(body, headers["idempotency-key"], caller, { kind: "promote", instance, reason, force });
    },
    restore: ({ body, headers, caller }) => {
      const { instance, reason, release } = body;
      return order(body, headers["idempotency-key"], caller, { kind: "restore", instance, reason, release });
    },
    reload: plain("reload"),
    restart: plain("restart"),
    failback: plain("failback"),
    drill: ({ body, headers, caller }) => {
      const { service, instance, reason, fault, ms } = body;
      const target = fleet.get(service).config.instances.find(({ id }) => id === instance);
      if (target && !target.drillable)
        throw new Fault("refused", `${instance} is not drillable`, {
          hint: "Set drillable: true on instances that may be broken on purpose.",
        });
      return order(body, headers["idempotency-key"], caller, { kind: "drill", instance, reason, fault, ms });
    },
    pause: async ({ body: { service, ms, reason }, caller }) => {
      gate.assertOpen();
      const untilWallMs = clock.wallMs() + ms;
      const { driver } = fleet.get(service);
      const asked = {
        id: newId(),
        by: await people.actorOf(caller),
        reason,
        kind: "pause",
        untilWallMs,
      } as const;
      const { pausedUntil } = await driver.order(asked, (durable) => durable.pausedUntil === untilWallMs);
      return { service, pausedUntilMs: pausedUntil };
    },
    resume: async ({ body: { service, reason }, caller }) => {
      gate.assertOpen();
      const asked = { id: newId(), by: await people.actorOf(caller), reason, kind: "resume" } as const;
      await fleet.get(service).driver.order(asked, (durable) => durable.pausedUntil === null);
      return { service, pausedUntilMs: null };
    },
  } satisfies Partial<Handlers>;
}
