import { hash } from "node:crypto";

/** RFC 6962, section 2.1: leaves and nodes have prefixes of their own, so that none passes for the other. */
export const leafHash = (line: string): Buffer => hash("sha256", `\u0000${line}`, "buffer");

/** One for all calls, for each is over before the next: a tree of a million leaves has a million nodes. */
const node = Buffer.alloc(65, 1);

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1);
  node.set(right, 33);
  return hash("sha256", node, "buffer");
}

/** The root of a tree that holds nothing. */
export const emptyRoot: Buffer = hash("sha256", "", "buffer");
