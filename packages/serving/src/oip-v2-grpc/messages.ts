import { oipV2Proto } from "./proto.ts";

/** Small answers (health, metadata, lists) are far below this; what unfolds from more could fill the memory. */
const smallBytesMax = 524_288;

/** Reads and writes the protocol's small messages by their names in the proto text. */
export type GrpcMessages = {
  encode(name: string, value: object): Uint8Array;
  /** Plain data; 64-bit integers as numbers, absent fields with their defaults. Undefined where it is no such message. */
  decode(name: string, bytes: Uint8Array): Record<string, unknown> | undefined;
};

/** Loads the library, at the first call that needs it, and reads the proto text. */
export async function loadGrpcMessages(): Promise<GrpcMessages> {
  const { default: protobuf } = await import("protobufjs");
  const { root } = protobuf.parse(oipV2Proto, { keepCase: true });
  // Without it the library writes lists as if in proto2: each element with a tag of its own.
  root.resolveAll();
  const typeOf = (name: string) => root.lookupType(`inference.${name}`);
  return {
    encode: (name, value) => typeOf(name).encode(value).finish(),
    decode(name, bytes) {
      if (bytes.length > smallBytesMax) return undefined;
      try {
        const type = typeOf(name);
        return type.toObject(type.decode(bytes), { longs: Number, defaults: true });
      } catch {
        return undefined;
      }
    },
  };
}
