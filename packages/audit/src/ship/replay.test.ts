import { expect, test } from "vitest";
import { createMortal } from "./testing/mortal.ts";
import { createScriptedServer } from "./testing/scripted-server.ts";
import { createShipRig } from "./testing/ship-rig.ts";

const timeoutMs = 3_600_000;
const isEnvelope = ({ event }: { event: { kind: string } }): boolean => event.kind === "pipeline_error";

/** 20 records: 10 in the failure store, and 4 more refused by the mapping. */
async function refused() {
  const server = createScriptedServer({
    script: [{ kind: "failure-store", every: 2 }],
    refuses: (document) => !isEnvelope(document) && document.event.sequence % 5 === 1,
  });
  const rig = createShipRig(server);
  rig.fill(20);
  const shipper = await rig.open();
  await shipper.drain({ timeoutMs });
  await rig.clock.pass(5000);
  await shipper.drain({ timeoutMs });
  return { server, rig, shipper };
}

test("after the mapping is mended, what the failure store had is in the stream, and envelopes stay", async () => {
  const { server, rig, shipper } = await refused();
  const before = shipper.view();
  expect(before.rejected).toBeGreaterThan(3);
  expect(before.quarantined).toBeGreaterThan(5);
  server.control.refuses = () => false;
  expect(await shipper.replay()).toEqual({ sent: before.quarantined, left: before.rejected });
  expect(shipper.view()).toMatchObject({ quarantined: 0, rejected: before.rejected, pending: 0 });
  expect(server.all()).toHaveLength(rig.lines.length);

  // Somebody with the right to do so takes the envelopes away.
  for (const index of server.indices)
    for (const [id, document] of index) if (isEnvelope(document)) index.delete(id);
  expect(await shipper.replay()).toEqual({ sent: before.rejected, left: 0 });
  expect(shipper.view()).toMatchObject({ acked: rig.lines.length, quarantined: 0, rejected: 0 });
  expect(await shipper.replay()).toEqual({ sent: 0, left: 0 });
  await rig.end(shipper);
});

test("while the server does not take them, or is away, the letters stay", async () => {
  const { server, rig, shipper } = await refused();
  const before = shipper.view();
  server.control.refuses = () => true;
  const all = before.quarantined + before.rejected;
  expect(await shipper.replay()).toEqual({ sent: 0, left: all });
  expect(await shipper.replay()).toEqual({ sent: 0, left: all });
  expect(shipper.view()).toMatchObject({ quarantined: before.quarantined, rejected: before.rejected });
  await rig.end(shipper);
});

test("killed at every call, a replay counts each letter once", async () => {
  for (let at = 0, isOver = false; !isOver; at += 1)
    for (const isDone of [true, false]) {
      const { server, rig, shipper } = await refused();
      const before = shipper.view();
      await shipper.close();
      const mortal = createMortal({ at, isDone });
      server.control.refuses = () => false;
      const life = (async () => {
        const one = await rig.open({
          fs: mortal.fs(rig.disk.fs),
          server: mortal.server(server.server),
          reader: mortal.server(server.server),
        });
        await one.replay();
      })();
      isOver = !(await Promise.race([mortal.dead.then(() => true), life.then(() => false)]));
      mortal.kill();
      rig.disk.crash({ cut: 0 });
      server.rollover();
      const again = await rig.open();
      const when = `killed at call ${at}`;
      expect(await again.replay(), when).toMatchObject({ left: before.rejected });
      await again.drain({ timeoutMs });
      expect(again.view(), when).toMatchObject({ quarantined: 0, rejected: before.rejected });
      const ids = server.all().map(([id]) => id);
      expect(new Set(ids).size, when).toBe(ids.length);
      expect(ids.length, when).toBe(rig.lines.length);
      if (isOver) expect(at).toBeGreaterThan(10);
      await rig.end(again);
    }
});
