import type { ShippingView } from "@locum/contracts/client";

/** What is said of the copy in Elasticsearch where none is configured. */
export const noShipping = (head: number): ShippingView => ({
  elasticsearch: "off",
  family: null,
  head,
  appended: head + 1,
  acked: 0,
  quarantined: 0,
  rejected: 0,
  pending: head + 1,
  differing: 0,
  retries: 0,
  oldestPendingMs: null,
  problem: null,
  reconciled: null,
});
