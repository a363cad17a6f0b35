import { expect, test } from "vitest";
import { createScriptedServer } from "./testing/scripted-server.ts";
import { createShipRig } from "./testing/ship-rig.ts";

const timeoutMs = 86_400_000;

test("every record is in the stream once, and the figures add up", async () => {
  const server = createScriptedServer();
  const rig = createShipRig(server);
  rig.fill(2500);
  const shipper = await rig.open();
  expect(shipper.view()).toMatchObject({ elasticsearch: "off", appended: 2500, acked: 0, pending: 2500 });
  expect(await shipper.drain({ timeoutMs })).toBe(true);
  expect(shipper.view()).toMatchObject({
    elasticsearch: "reachable",
    family: "Elasticsearch 9.5.3",
    head: 2499,
    acked: 2500,
    pending: 0,
    oldestPendingMs: null,
    problem: null,
  });
  expect(server.all().map(([, { event }]) => event.original)).toEqual(rig.lines);
  await shipper.close();
});
