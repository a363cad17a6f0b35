import { z } from "zod";
import { AuditEvent } from "./audit-event.ts";
import { Command, CommandResult } from "./command.ts";
import { Digest, Release } from "./release.ts";
import { Report } from "./report.ts";
import { Name } from "./service.ts";

/** Version of the stream between sidecar and collector. A peer of N-1 is served; an older one is told so and closed. */
export const streamVersion = 1;
export const frameBytesMax = 4_194_304;

const Hash64 = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);

/**
 * A checkpoint of the audit log to be witnessed, with the proof that it begins with all of the
 * `old` records that this witness has seen (C2SP tlog-witness).
 */
export const WitnessRequest = z.object({
  old: z.number().int().min(0),
  proof: z.array(Hash64).max(64),
  checkpoint: z.string().max(65_536),
});
export type WitnessRequest = z.infer<typeof WitnessRequest>;

/** What a witness says to it. `rewritten` is an alarm: the log no longer holds what this witness saw in it. */
export const WitnessAnswer = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("cosigned"),
    size: z.number().int().min(0),
    signature: z.string().max(1024).describe("a line of the signed note"),
  }),
  z.object({ outcome: z.literal("elsewhere"), size: z.number().int().min(0).describe("ask from here") }),
  z.object({
    outcome: z.literal("rewritten"),
    size: z.number().int().min(0),
    head: z
      .string()
      .max(65_536)
      .describe("the checkpoint that was cosigned: signed by the log, it proves the alarm"),
  }),
  z.object({ outcome: z.literal("unsigned") }),
]);
export type WitnessAnswer = z.infer<typeof WitnessAnswer>;

/** Sidecar -> collector, JSON text frames on one WebSocket (docs/stream.md). */
export const SidecarFrame = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("hello"),
    version: z.number().int(),
    service: Name,
    instance: Name,
    incarnation: z.string().min(1).max(64),
    releases: z.array(Digest).max(64).describe("approved releases already held"),
    witness: z
      .string()
      .max(512)
      .optional()
      .describe("key of the witness that it is, <name>+<id>+<base64>; `witness` frames may be sent to it"),
  }),
  // Pushed at once when the verdict changes, else every heartbeat. `sentMs` is the sender's monotonic clock: the
  // acknowledgement returns it, and a lease runs from it on the holder's side.
  z.object({ kind: z.literal("report"), seq: z.number().int(), sentMs: z.number(), report: Report }),
  z.object({ kind: z.literal("result"), result: CommandResult }),
  // From the durable spool, in order, until acknowledged by `recorded`.
  z.object({ kind: z.literal("record"), seq: z.number().int().min(0), event: AuditEvent }),
  z.object({ kind: z.literal("witnessed"), answer: WitnessAnswer }),
]);
export type SidecarFrame = z.infer<typeof SidecarFrame>;

/** What a peer needs to know of another instance to forward to it. */
export const Peer = z.object({
  id: Name,
  tap: z.string().nullable(),
  control: z
    .string()
    .nullable()
    .describe("asked for /readyz twice a second, so that peers are known without a collector"),
  role: z.enum(["active", "standby", "fenced"]),
  fit: z.boolean(),
});
export type Peer = z.infer<typeof Peer>;

/** The numbered orders that a sidecar keeps running by while the collector is away. */
export const Policy = z.object({
  number: z.number().int().min(0),
  frozen: z
    .array(Digest)
    .max(64)
    .describe("releases that fail everywhere: no ejection and no restore by them"),
  frozenModels: z
    .record(Digest, z.array(z.string()))
    .optional()
    .describe("release -> models of it that are wrong everywhere; absent where there are none"),
  allWrong: z.enum(["serve", "refuse", "rollback"]),
  paused: z.boolean(),
  peers: z.array(Peer).max(64),
});
export type Policy = z.infer<typeof Policy>;

export const SignedPolicy = z.object({ policy: Policy, signature: z.string().max(128) });
export type SignedPolicy = z.infer<typeof SignedPolicy>;

/** Collector -> sidecar. */
export const CollectorFrame = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("welcome"),
    version: z.number().int(),
    term: z.number().int(),
    policyKey: z.string(),
    logKey: z
      .string()
      .max(512)
      .optional()
      .describe("key that signs the audit log; absent where nobody signs it"),
  }),
  z.object({
    kind: z.literal("ack"),
    seq: z.number().int(),
    sentMs: z.number().describe("of the report that is acknowledged"),
    term: z.number().int(),
    epoch: z.number().int(),
    leaseMs: z.number().nullable().describe("lease of an exclusive active, from sentMs"),
    mayEject: z.boolean().describe("capacity stays if this instance leaves: soft verdicts may divert"),
  }),
  z.object({ kind: z.literal("command"), command: Command }),
  z.object({ kind: z.literal("policy"), signed: SignedPolicy }),
  z.object({ kind: z.literal("release"), release: Release }),
  z.object({ kind: z.literal("recorded"), seq: z.number().int().describe("all up to here are on disk") }),
  // Only to a sidecar that named its witness in `hello`.
  z.object({ kind: z.literal("witness"), request: WitnessRequest }),
]);
export type CollectorFrame = z.infer<typeof CollectorFrame>;
