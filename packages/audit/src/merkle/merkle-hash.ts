import { hash } from "node:crypto";

const leafPrefix = Buffer.from([0]);
const nodePrefix = Buffer.from([1]);

/** RFC 6962, section 2.1: leaves and nodes have prefixes of their own, so that none passes for the other. */
export const leafHash = (record: Uint8Array): Buffer =>
  hash("sha256", Buffer.concat([leafPrefix, record]), "buffer");

export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  hash("sha256", Buffer.concat([nodePrefix, left, right]), "buffer");

/** The root of a tree that holds nothing. */
export const emptyRoot: Buffer = hash("sha256", "", "buffer");
