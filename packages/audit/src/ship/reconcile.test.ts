import { expect, test } from "vitest";
import { createScriptedServer } from "./testing/scripted-server.ts";
import { createShipRig } from "./testing/ship-rig.ts";

const timeoutMs = 3_600_000;
const reconcileMs = 600_000;

/** A shipper whose 12 345 records are in the stream, and which looks at the counts every ten minutes. */
async function shipped(count = 12_345) {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(count);
  const shipper = await rig.open({ reconcileMs });
  await shipper.drain({ timeoutMs });
  const [index = new Map()] = server.indices;
  const idOf = (seq: number): string => [...index.keys()][seq] ?? "";
  return { server, rig, shipper, index, idOf };
}

test("a copy that is whole is told once a day and sends nothing", async () => {
  const { server, rig, shipper } = await shipped();
  const sent = (): number => server.control.requests.filter(({ path }) => path === "/_bulk").length;
  const before = sent();
  await rig.clock.pass(reconcileMs + 60_000);
  expect(shipper.view().reconciled).toMatchObject({ seq: 12_345, resent: 0 });
  expect(rig.notes.map(({ kind, reason }) => [kind, reason])).toEqual([
    ["audit.reconcile", "the copy has every record once"],
  ]);
  await rig.clock.pass(10 * reconcileMs);
  // Its own note, and nothing else.
  expect(sent()).toBe(before + 1);
  expect(rig.notes).toHaveLength(1);
  expect(shipper.view()).toMatchObject({ appended: 12_346, acked: 12_346, pending: 0 });
  await rig.end(shipper);
});

test("what somebody deleted is sent again, in old blocks too", async () => {
  const { server, rig, shipper, index, idOf } = await shipped();
  await rig.clock.pass(reconcileMs + 60_000);
  const gone = [0, 7, 8, 9999, 10_000, 12_344];
  for (const id of gone.map(idOf)) index.delete(id);
  server.rollover();
  await rig.clock.pass(reconcileMs + 60_000);
  expect(shipper.view()).toMatchObject({ reconciled: { resent: 6 }, pending: 0 });
  expect(server.all()).toHaveLength(rig.lines.length);
  expect(new Set(server.all().map(([id]) => id)).size).toBe(server.all().length);
  const found = rig.notes.at(-1);
  expect(found).toMatchObject({ kind: "audit.reconcile", facts: { count: 6, doubled: 0, foreign: 0 } });
  await rig.end(shipper);
});

test("what is there twice, or was put there by somebody, is told and stays in view", async () => {
  const { server, rig, shipper, index, idOf } = await shipped(50);
  const document = index.get(idOf(3));
  server.rollover();
  server.indices[1]?.set(idOf(3), document);
  server.indices[1]?.set("mine", document);
  await rig.clock.pass(reconcileMs + 60_000);
  expect(shipper.view().problem).toMatchObject({ code: "es-doubled" });
  expect(rig.notes.at(-1)).toMatchObject({ facts: { count: 0, doubled: 1, foreign: 1 } });
  await rig.end(shipper);
});

test("records that are known to be in the failure store are not missing", async () => {
  const server = createScriptedServer({ script: [{ kind: "failure-store", every: 2 }] });
  const rig = createShipRig(server);
  rig.fill(50);
  const shipper = await rig.open({ reconcileMs });
  await shipper.drain({ timeoutMs });
  expect(shipper.view()).toMatchObject({ quarantined: 25, acked: 25 });
  await rig.clock.pass(3 * reconcileMs);
  expect(shipper.view()).toMatchObject({ quarantined: 25, reconciled: { resent: 0 } });
  expect(server.quarantined).toHaveLength(25);
  await rig.end(shipper);
});

test("records older than what the stream keeps are not sent again when they are gone", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(5, { at: "2020-01-01T00:00:00.000Z" });
  rig.fill(5);
  const shipper = await rig.open({ reconcileMs });
  await shipper.drain({ timeoutMs });
  server.indices[0]?.clear();
  await rig.clock.pass(reconcileMs + 60_000);
  const sequences = server.all().map(([, { event }]) => event.sequence);
  expect(sequences.filter((seq) => seq < 10)).toEqual([5, 6, 7, 8, 9]);
  expect(rig.notes.at(-1)).toMatchObject({ facts: { count: 5, expired: 5 } });
  await rig.end(shipper);
});

test.for(["partial", "forbidden"] as const)(
  "a %s search proves nothing: nothing is sent, and it is said",
  async (search) => {
    const { server, rig, shipper } = await shipped(50);
    server.control.search = search;
    const sent = server.control.requests.filter(({ path }) => path === "/_bulk").length;
    await rig.clock.pass(3 * reconcileMs);
    expect(shipper.view()).toMatchObject({ problem: { code: "es-reader-refused" }, reconciled: null });
    expect(server.control.requests.filter(({ path }) => path === "/_bulk")).toHaveLength(sent);
    rig.fill(3000);
    await rig.clock.pass(2000);
    expect(shipper.view(), "writing goes on").toMatchObject({ acked: 3050, pending: 0 });
    server.control.search = "whole";
    await rig.clock.pass(reconcileMs);
    expect(shipper.view().reconciled).toMatchObject({ resent: 0 });
    expect(shipper.view().problem).toBeNull();
    await rig.end(shipper);
  },
);

test("a search that is refused as too much is asked again, and nobody is sent for", async () => {
  const { server, rig, shipper } = await shipped(50);
  server.control.search = "busy";
  const codes = new Set<string | undefined>();
  server.control.seen = () => codes.add(shipper.view().problem?.code);
  await rig.clock.pass(60_000);
  server.control.search = "whole";
  await rig.clock.pass(120_000);
  expect(shipper.view()).toMatchObject({ reconciled: { resent: 0 }, problem: null });
  expect([...codes]).not.toContain("es-reader-refused");
  await rig.end(shipper);
});

test("after an outage the counts are looked at without waiting", async () => {
  const { server, rig, shipper } = await shipped(50);
  server.control.isAway = true;
  rig.fill(5);
  await rig.clock.pass(60_000);
  expect(shipper.view().elasticsearch).toBe("unreachable");
  server.control.isAway = false;
  await rig.clock.pass(120_000);
  expect(shipper.view().reconciled).toMatchObject({ resent: 0 });
  await rig.end(shipper);
});
