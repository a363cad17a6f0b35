import { applySetup, setupPlan } from "@locum/audit/elasticsearch";
import { auditDocumentId } from "@locum/contracts";
import { expect, test } from "vitest";
import { logId, openShipRig } from "./ship-rig.ts";
import { startDoubleProcess } from "./start-double-process.ts";

test("the double as a process of its own: ordered, asked and ended", async () => {
  await using double = await startDoubleProcess();
  await using rig = await openShipRig(double.url, { countMax: 100 });
  await applySetup(rig.server, await setupPlan(rig.server));
  await double.script({ on: "bulk", does: [{ do: "cut", when: "after" }] });
  await rig.write(1000);
  expect(await rig.shipper.drain({ timeoutMs: 20_000 }), JSON.stringify(rig.shipper.view())).toBe(true);
  await double.rollover();
  const ids = Array.from({ length: 1000 }, (_, seq) => auditDocumentId(logId, seq));
  expect(await double.account([...ids, "more"])).toEqual({
    found: 1000,
    lost: ["more"],
    doubled: [],
    strange: [],
  });
  expect((await double.requests()).bulk).toBeGreaterThan(9);
  await double.close();
  expect(() => process.kill(double.pid, 0)).toThrow();
});
