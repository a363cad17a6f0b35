import { applySetup, setupPlan } from "@locum/audit/elasticsearch";
import { auditDocumentId } from "@locum/contracts";
import { expect, test } from "vitest";
import { until } from "../stack/until.ts";
import { families } from "./family.ts";
import type { Mishap } from "./mishap.ts";
import { logId, openShipRig } from "./ship-rig.ts";
import { startDouble } from "./start-double.ts";

/** Every second request or so goes wrong in some way, over the wire. */
const troubles: Mishap[] = (
  [
    [{ do: "answer", status: 503 }],
    [{ do: "answer", status: 429 }],
    [{ do: "answer", status: 502, html: true }],
    [{ do: "cut", when: "before" }],
    [{ do: "cut", when: "after" }],
    [{ do: "cut", when: "within" }],
    [
      { do: "cut", when: "after" },
      { do: "rollover", when: "after" },
    ],
    [{ do: "rollover", when: "before" }],
    [{ do: "items", which: { chance: 0.2 }, status: 429 }],
    [{ do: "items", which: { chance: 0.2 }, status: 503 }],
    [{ do: "lie", how: "fewer-items" }],
    [{ do: "lie", how: "reversed-items" }],
    [{ do: "lie", how: "html" }],
    [{ do: "lie", how: "half-json" }],
  ] satisfies Mishap["does"][]
).map((does) => ({ on: "bulk", times: "always", chance: 0.05, does }));

test.for(families)(
  "through a server of %s in trouble: each record once",
  { timeout: 120_000 },
  async (family) => {
    await using double = await startDouble({ family, seed: 3 });
    await using rig = await openShipRig(double.url, { countMax: 100 });
    await applySetup(rig.server, await setupPlan(rig.server));
    double.script({
      on: "bulk",
      does: [
        { do: "items", which: { at: [3, 5] }, status: 400 },
        { do: "divert", which: { at: [7] } },
      ],
    });
    await rig.write(500);
    expect(await rig.shipper.drain({ timeoutMs: 30_000 })).toBe(true);
    double.script(
      ...troubles,
      { on: "search", times: "always", chance: 0.1, does: [{ do: "answer", status: 503 }] },
      { on: "refresh", times: "always", chance: 0.1, does: [{ do: "cut", when: "before" }] },
    );
    await rig.write(5000);
    expect(await rig.shipper.drain({ timeoutMs: 90_000 }), JSON.stringify(rig.shipper.view())).toBe(true);
    expect(rig.shipper.view().retries).toBeGreaterThan(0);
    double.calm();
    const shipper = await rig.reopen();
    shipper.start();
    // What it has to tell of the copy is told in the log, and is copied itself.
    await until(() => shipper.view().pending === 0, {
      what: "all of the notes",
    });

    const { acked, quarantined, rejected, pending, differing, appended } = shipper.view();
    expect({ sum: acked + quarantined + rejected, pending, differing }).toEqual({
      sum: appended,
      pending: 0,
      differing: 0,
    });
    expect({ rejected, quarantined }).toEqual({ rejected: 2, quarantined: 1 });
    const ids = Array.from({ length: appended }, (_, seq) => auditDocumentId(logId, seq));
    const diverted = double.failures().map(({ id }) => id);
    expect(diverted.length).toBe(quarantined);
    const account = double.account(ids.filter((id) => !diverted.includes(id)));
    expect(account).toEqual({ found: appended - quarantined, lost: [], doubled: [], strange: [] });
  },
);
