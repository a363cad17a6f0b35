import { expect, test } from "vitest";
import type { BulkOutcome } from "./bulk-outcome.ts";
import { responseRow, responseTable } from "./response-table.ts";
import { createScriptedServer, type Mishap } from "./testing/scripted-server.ts";
import { createShipRig } from "./testing/ship-rig.ts";

const timeoutMs = 3_600_000;

type Case = {
  outcome: BulkOutcome;
  /** What happens to the first requests, of three records. */
  mishap: Mishap | Mishap[];
  /** Another shipper, that this one knows nothing of, was there before. */
  isSecond?: true;
  /** What became of them; all acked if absent. */
  counts?: { acked?: number; quarantined?: number; rejected?: number };
  /** What was in view meanwhile. */
  problem?: string;
};
const item = (
  status: number,
  type = "",
  more: Partial<Extract<BulkOutcome, { of: "item" }>> = {},
): BulkOutcome => ({
  of: "item",
  status,
  type,
  reason: "",
  failureStore: null,
  plainIndex: false,
  ...more,
});
const request = (status: number, type = "", isSmall = false): BulkOutcome => ({
  of: "request",
  status,
  type,
  reason: "",
  isSmall,
});
const items = (status: number, type: string, reason = "scripted"): Mishap => ({
  kind: "items",
  status,
  type,
  reason,
  every: 1,
});
const status = (code: number, type = "", applied = false): Mishap => ({
  kind: "status",
  status: code,
  type,
  applied,
});

/** One an entry of the table: what makes it, and what is true afterwards. */
const cases: Record<string, Case> = {
  "no answer": {
    outcome: { of: "none", reason: "" },
    mishap: { kind: "rollover-after-cut" },
    problem: "es-unreachable",
  },
  "no bulk answer": {
    outcome: { of: "unreadable", reason: "" },
    mishap: { kind: "html" },
    problem: "es-unreadable",
  },
  "a small request is too large": {
    outcome: request(413, "", true),
    mishap: [status(413), status(413), status(413)],
    problem: "es-refuses",
  },
  "request too large": { outcome: request(413), mishap: status(413) },
  "request blocked": {
    outcome: request(429, "cluster_block_exception"),
    mishap: status(429, "cluster_block_exception"),
    problem: "es-blocked",
  },
  "request refused as busy": {
    outcome: request(429, "es_rejected_execution_exception"),
    mishap: status(429, "es_rejected_execution_exception"),
  },
  "request timed out": { outcome: request(408), mishap: status(408, "", true), problem: "es-failing" },
  "server failed": { outcome: request(503), mishap: status(502, "", true), problem: "es-failing" },
  "key refused": {
    outcome: request(401, "security_exception"),
    mishap: status(403, "security_exception"),
    problem: "es-not-authorised",
  },
  "nothing there": { outcome: request(404), mishap: status(404), problem: "es-not-set-up" },
  "request refused": {
    outcome: request(400, "illegal_argument_exception"),
    mishap: status(400, "illegal_argument_exception"),
    problem: "es-refuses",
  },
  "made a plain index": {
    outcome: item(201, "", { plainIndex: true }),
    mishap: { kind: "plain-index", every: 1 },
    problem: "es-not-set-up",
  },
  "taken by the failure store": {
    outcome: item(201, "", { failureStore: "used" }),
    mishap: { kind: "failure-store", every: 2 },
    counts: { acked: 1, quarantined: 2 },
  },
  created: { outcome: item(201, "", { failureStore: "not_enabled" }), mishap: { kind: "none" } },
  "there already": {
    outcome: item(409, "version_conflict_engine_exception"),
    mishap: { kind: "none" },
    isSecond: true,
  },
  "item blocked": {
    outcome: item(429, "cluster_block_exception"),
    mishap: items(429, "cluster_block_exception"),
    problem: "es-blocked",
  },
  "item refused as busy": {
    outcome: item(429, "rejected_execution_exception"),
    mishap: items(429, "rejected_execution_exception"),
  },
  "item refused for now": { outcome: item(429, "another"), mishap: items(429, "another") },
  "item timed out": { outcome: item(408), mishap: items(408, "") },
  "item failed": {
    outcome: item(503, "unavailable_shards_exception"),
    mishap: { kind: "items-failed-but-applied", every: 1 },
  },
  "key refused for an item": {
    outcome: item(403, "security_exception"),
    mishap: items(403, "security_exception"),
    problem: "es-not-authorised",
  },
  "no such stream": {
    outcome: item(404, "index_not_found_exception"),
    mishap: items(404, "index_not_found_exception"),
    problem: "es-not-set-up",
  },
  "its pipeline is missing": {
    outcome: item(400, "illegal_argument_exception", { reason: "pipeline with id [a] does not exist" }),
    mishap: items(400, "illegal_argument_exception", "pipeline with id [a] does not exist"),
    problem: "es-not-set-up",
  },
  "stream closed or misnamed": {
    outcome: item(400, "index_closed_exception"),
    mishap: items(400, "index_closed_exception"),
    problem: "es-refuses",
  },
  "no mapping takes it": {
    outcome: item(400, "mapper_parsing_exception"),
    mishap: items(400, "document_parsing_exception"),
    counts: { acked: 0, rejected: 3 },
  },
  "document refused": {
    outcome: item(400, "another"),
    mishap: items(400, "another"),
    counts: { acked: 0, rejected: 3 },
  },
  "document too large": { outcome: item(413), mishap: items(413, ""), counts: { acked: 0, rejected: 3 } },
  "item answered otherwise": { outcome: item(302), mishap: items(302, "") },
};

test("every row has a case", () => {
  expect(Object.keys(cases).sort()).toEqual(responseTable.map(({ name }) => name).sort());
});

test.for(Object.entries(cases))(
  "%s",
  async ([name, { outcome, mishap, isSecond, counts = { acked: 3 }, problem }]) => {
    expect(responseRow(outcome).name).toBe(name);
    const server = createScriptedServer({ script: [mishap].flat() });
    const rig = createShipRig(server);
    rig.fill(3);
    if (isSecond) {
      const first = await rig.open({ dir: "/other" });
      await first.drain({ timeoutMs });
      await first.close();
    }
    const shipper = await rig.open();
    const codes = new Set<string | undefined>();
    server.control.seen = () => codes.add(shipper.view().problem?.code);
    expect(await shipper.drain({ timeoutMs })).toBe(true);
    const view = shipper.view();
    expect(view).toMatchObject({
      acked: 0,
      quarantined: 0,
      rejected: 0,
      differing: 0,
      ...counts,
      problem: null,
    });
    expect([...codes].filter((code) => code !== undefined)).toEqual(problem === undefined ? [] : [problem]);
    const there = server.all().map(([, { event }]) => event.sequence);
    const expected = [0, 1, 2].filter(
      (seq) => !server.quarantined.some(({ event }) => event.sequence === seq),
    );
    expect(there.filter((seq) => seq < 3).sort()).toEqual(expected);
    await shipper.close();
    rig.clock.stop();
  },
);
