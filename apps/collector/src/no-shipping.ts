import type { ShippingView } from "@locum/contracts/client";

/** What is said of the copy in Elasticsearch where none is configured: nothing is to be copied. */
export const noShipping = (head: number): ShippingView => ({
  elasticsearch: "off",
  family: null,
  head,
  appended: 0,
  acked: 0,
  quarantined: 0,
  rejected: 0,
  pending: 0,
  differing: 0,
  retries: 0,
  oldestPendingMs: null,
  problem: null,
  reconciled: null,
});
