import { digestOf, Fault } from "@locum/contracts";
import type { OperationView } from "@locum/contracts/client";
import type { Order } from "@locum/coordination";
import type { Fleet } from "./fleet.ts";
import type { People } from "./people.ts";
import type { Store } from "./store.ts";
import { operationView } from "./views/operation-view.ts";

type WithoutId<T> = T extends Order ? Omit<T, "id" | "by"> : never;
export type Asked = {
  service: string;
  /** The Idempotency-Key, and who used it: two people's keys never meet. */
  key: string;
  by: string;
  order: WithoutId<Exclude<Order, { kind: "pause" | "resume" }>>;
};

/**
 * Takes an order once. The key is claimed for the new operation's id before the order is put, and the order carries
 * that id: whichever of the two a crash leaves out, the same request finds or finishes the same operation.
 * @throws Fault idempotency-mismatch | not-leader | storage-failed | not-found
 */
export async function takeOrder(
  {
    fleet,
    store,
    people,
    newId,
    wallMs,
  }: {
    fleet: Fleet;
    store: Store;
    people: Pick<People, "nameOf">;
    newId: () => string;
    wallMs: () => number;
  },
  { service, key: given, by, order }: Asked,
): Promise<OperationView> {
  const { driver } = fleet.get(service);
  const key = `${by}:${given}`;
  const request = digestOf({ service, order });
  const operation = `${order.kind}-${newId()}`;
  const claim = await store.claimKey({ key, request, operation, service, atMs: wallMs() });
  if (claim.request !== request)
    throw new Fault("idempotency-mismatch", `the key was used for ${claim.operation}, with another body`);
  const id = claim.operation;
  const known = driver.state().durable.operations[id];
  if (claim.accepted && !known)
    throw new Fault("not-found", `operation ${id} ended so long ago that it is no longer kept`, {
      hint: "The audit log has its story; use a new key to order it again.",
    });
  const durable = await driver.order({ ...order, id, by } as Order, ({ operations }) => id in operations);
  await store.acceptKey(key);
  const stored = driver.state().durable.operations[id] ?? durable.operations[id];
  if (!stored) throw new Fault("conflict", `operation ${id} is not kept any more`);
  return operationView(service, stored, people);
}
