/** Sizes of LSR/1 in bytes (docs/snapshot-format.md). Checked before memory is taken for what outside bytes announce. */
export const limits = {
  chunk: 1 << 20,
  smallTensor: 64 << 10,
  recordOverhead: 4 << 10,
  packTarget: 64 << 20,
  pack: 128 << 20,
  packRounding: 64 << 10,
  trailer: 16 << 20,
  header: 16 << 10,
  recipients: 16,
  stub: 64 << 10,
  manifest: 256 << 20,
  signature: 1 << 10,
  segment: 64 << 20,
  /** The config, a ref, a lease: one line with its HMAC. */
  macLine: 64 << 10,
} as const;
