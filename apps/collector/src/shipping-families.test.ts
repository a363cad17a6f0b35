import { renderPrometheus } from "@locum/runtime";
import { expect, test } from "vitest";
import { noShipping } from "./no-shipping.ts";
import { shippingFamilies } from "./shipping-families.ts";

const lines = (view: Parameters<typeof shippingFamilies>[0]) =>
  renderPrometheus(shippingFamilies(view))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

test("says where each record is", () => {
  const view = {
    ...noShipping(41),
    appended: 42,
    elasticsearch: "reachable" as const,
    acked: 30,
    quarantined: 2,
    rejected: 1,
    pending: 9,
    differing: 3,
    retries: 7,
    oldestPendingMs: 1500,
    reconciled: { seq: 20, atMs: 1_767_323_045_000, resent: 0 },
  };
  expect(lines(view)).toEqual([
    'locum_audit_elasticsearch{state="off"} 0',
    'locum_audit_elasticsearch{state="reachable"} 1',
    'locum_audit_elasticsearch{state="unreachable"} 0',
    'locum_audit_elasticsearch{state="refusing"} 0',
    "locum_audit_appended 42",
    "locum_audit_acked 30",
    "locum_audit_quarantined 2",
    "locum_audit_rejected 1",
    "locum_audit_pending 9",
    "locum_audit_differing 3",
    "locum_audit_oldest_pending_milliseconds 1500",
    "locum_audit_reconciled_timestamp_seconds 1767323045",
    "locum_audit_retries_total 7",
  ]);
});

test("is whole without a server, too", () => {
  expect(lines(noShipping(-1))).toContain('locum_audit_elasticsearch{state="off"} 1');
  expect(lines(noShipping(-1))).toContain("locum_audit_reconciled_timestamp_seconds 0");
});
