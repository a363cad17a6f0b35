export type DelimitedReader = {
  /**
   * Reads from `at` until `delimiter`. Returns the offset behind it (the text before it is then `text()`), or
   * `more` when the chunk is used up, or `too-long` when the text with its delimiter exceeds `maxBytes`.
   */
  read(chunk: Buffer, at: number, delimiter: string, maxBytes: number): number | "more" | "too-long";
  text(): string;
  reset(): void;
};

/** Finds text between delimiters in a stream of chunks, whatever the cuts, in linear time and bounded memory. */
export function createDelimitedReader(): DelimitedReader {
  let held = Buffer.alloc(0);
  let heldBytes = 0;
  let found = "";

  const append = (bytes: Buffer) => {
    if (heldBytes + bytes.length > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, 2 * (heldBytes + bytes.length)));
      held.copy(larger, 0, 0, heldBytes);
      held = larger;
    }
    bytes.copy(held, heldBytes);
    heldBytes += bytes.length;
  };
  const readSplit = (chunk: Buffer, at: number, delimiter: string, maxBytes: number) => {
    const before = heldBytes;
    append(chunk.subarray(at, at + maxBytes - heldBytes + 1));
    const searchFrom = Math.max(0, before - delimiter.length + 1);
    const end = held.subarray(0, heldBytes).indexOf(delimiter, searchFrom, "latin1");
    if (end < 0) return heldBytes > maxBytes ? "too-long" : "more";
    if (end + delimiter.length > maxBytes) return "too-long";
    found = held.toString("latin1", 0, end);
    heldBytes = 0;
    return at + end + delimiter.length - before;
  };
  return {
    read(chunk, at, delimiter, maxBytes) {
      if (heldBytes > 0) return readSplit(chunk, at, delimiter, maxBytes);
      const end = chunk.indexOf(delimiter, at, "latin1");
      if (end < 0) return readSplit(chunk, at, delimiter, maxBytes);
      if (end + delimiter.length - at > maxBytes) return "too-long";
      found = chunk.toString("latin1", at, end);
      return end + delimiter.length;
    },
    text: () => found,
    reset() {
      heldBytes = 0;
      // A head of many pieces may have grown it: an idle connection does not hold on to that.
      if (held.length > 4096) held = Buffer.alloc(0);
    },
  };
}
