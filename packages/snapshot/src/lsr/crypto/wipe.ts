/**
 * Overwrites secrets that are needed no more. A collector of garbage leaves the bytes where they were, for whoever reads
 * the memory of this process later: without it every key of every file that a writer ever wrote was still to be found.
 */
export function wipe(...secrets: Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
