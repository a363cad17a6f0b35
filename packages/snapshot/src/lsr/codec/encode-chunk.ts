import { kernels } from "../kernels/kernels.ts";
import { codecId } from "./codec-id.ts";
import { constantPattern } from "./constant-run.ts";
import { encodePlanesInPlace } from "./encode-planes.ts";
import type { PlaneMode } from "./planes.ts";
import { xor } from "./xor.ts";
import { zstdEncode } from "./zstd.ts";

/** What a tensor's sample advised (choose-plan.ts). */
export type Plan = { kind: "raw" } | { kind: "zstd" } | { kind: "planes"; mode: PlaneMode };

export type Encoded = { codec: number; bytes: Uint8Array };

/** Above this share of the plain bytes a chunk is stored as it is. */
export const worthBelow = 0.97;
/** A delta makes a restore read two chunks: it must be clearly smaller to be worth that. */
const deltaBelow = 0.5;

/**
 * One chunk by its tensor's plan; raw where that does not pay. With a `base` of the same length its XOR is tried: the
 * result is a delta only if it is under half of the plain bytes and smaller than without.
 */
export function encodeChunk(plain: Uint8Array, plan: Plan, base?: Uint8Array): Encoded {
  const { codec, bytes } = encodeInPlace(plain, plan, base);
  return { codec, bytes: isKernels(bytes) ? bytes.slice() : bytes };
}

/** The same, for who puts the bytes elsewhere at once: they may lie where the next call of any codec writes. */
export function encodeInPlace(plain: Uint8Array, plan: Plan, base?: Uint8Array): Encoded {
  const found = encodeAlone(plain, plan);
  if (base?.length !== plain.length) return found;
  // The difference is made in the same memory.
  const alone = isKernels(found.bytes) ? { ...found, bytes: found.bytes.slice() } : found;
  if (alone.codec === codecId.constant) return alone;
  const { codec, bytes } = encodeAlone(xor(plain, base), plan.kind === "raw" ? { kind: "zstd" } : plan);
  const isWorth = bytes.length < deltaBelow * plain.length && bytes.length < alone.bytes.length;
  return isWorth ? { codec: codecId.delta, bytes: Buffer.concat([Uint8Array.of(codec), bytes]) } : alone;
}

const isKernels = ({ buffer }: Uint8Array): boolean => buffer === kernels().bytes.buffer;

function encodeAlone(plain: Uint8Array, plan: Plan): Encoded {
  const raw = { codec: codecId.raw, bytes: plain };
  const pattern = constantPattern(plain);
  if (pattern) return { codec: codecId.constant, bytes: pattern };
  if (plan.kind === "raw" || plain.length === 0) return raw;
  const encoded =
    plan.kind === "zstd"
      ? { codec: codecId.zstd, bytes: zstdEncode(plain) }
      : { codec: codecId.planes, bytes: encodePlanesInPlace(plain, plan.mode) };
  return encoded.bytes.length < worthBelow * plain.length ? encoded : raw;
}
