import type { Plan } from "../codec/encode-chunk.ts";
import type { Magic } from "../pack/header.ts";

/**
 * What a thread of the pool can be told to do. Bytes in shared memory are worked on where they lie; others are copied
 * on their way, or moved where the caller gives them up. None of it waits for anything: a thread does one after another.
 */
export type Jobs = {
  /** A piece of a file, in the file's order and on the file's thread: its chunks, their ids, and at its end its digest in hex. */
  take: {
    job: {
      file: number;
      bytes: Uint8Array;
      /** Where to cut: lengths that are known, or by content. Then a last chunk that could be longer is left. */
      cut: readonly number[] | { table: Uint32Array };
      digest: DigestName;
      isFirst: boolean;
      isLast: boolean;
      idKey: Uint8Array;
    };
    result: { ids: Uint8Array; lengths: number[]; digest: string | null };
  };
  /** A file that is not taken to its end. */
  drop: { job: { file: number }; result: null };
  identify: { job: { bytes: Uint8Array; idKey: Uint8Array }; result: Uint8Array };
  plan: { job: { samples: Uint8Array[]; dtype: string }; result: Plan };
  /** Into `room` from where `cursor` says, which it moves on by that and by a tag's length. */
  encode: {
    job: {
      bytes: Uint8Array;
      plan: Plan | null;
      base: Uint8Array | null;
      room: Uint8Array;
      cursor: Int32Array;
    };
    result: { codec: number; at: number; length: number };
  };
  /**
   * Each record is sealed in its place, its ciphertext over its bytes and the tag behind them; then opened, decoded and
   * compared with its id. Gives nothing back.
   */
  finish: {
    job: {
      key: Uint8Array;
      idKey: Uint8Array;
      context: RecordContext;
      records: { sealing: Sealable; reading: SealedRecord }[];
    };
    result: null;
  };
  /** BLAKE3-256 of the parts one after another. */
  name: { job: { parts: Uint8Array[] }; result: Uint8Array };
  /** The parity file, in parts, of a pack that was named from these. */
  parity: {
    job: { parts: Uint8Array[]; packId: string; k: number; m: 1 | 2; blockBytes: number };
    result: Uint8Array[];
  };
  /** A record is opened, decoded and compared with its id, and gives its chunk: at the start of `room` where there is one, and then no bytes. */
  open: {
    job: {
      key: Uint8Array;
      idKey: Uint8Array;
      context: RecordContext;
      record: SealedRecord;
      room: Uint8Array | null;
    };
    result: Uint8Array | null;
  };
};

/** Of a whole file, as its manifest has it. */
export type DigestName = "sha256" | "blake3";

export type JobKind = keyof Jobs;
export type Job = { [Kind in JobKind]: { kind: Kind } & Jobs[Kind]["job"] }[JobKind];
export type JobOf<Kind extends JobKind> = Jobs[Kind]["job"];
export type ResultOf<Kind extends JobKind> = Jobs[Kind]["result"];

export type RecordContext = { magic: Magic; repositoryId: Uint8Array; salt: Uint8Array };
type Place = { ordinal: number; codec: number; plainLength: number; bound: Uint8Array | null };
/** `bytes` with 16 behind them for the tag. */
export type Sealable = Place & { bytes: Uint8Array };
export type SealedRecord = Place & { sealed: Uint8Array; chunkId: Uint8Array; base: Uint8Array | null };
