import { z } from "zod";
import { Digest } from "./release.ts";

/** Models that are loaded again, while their neighbours on the same server go on; all if absent. */
const models = z.array(z.string().min(1).max(512)).min(1).max(256).optional();

const act = {
  // Stop being active: no new requests, in-flight ones may end. Answered with `fenced` when none is left.
  fence: z.object({ kind: z.literal("fence") }),
  // Prove bytes and goldens now, freshly. Answered with the proof; role does not change yet.
  prepare: z.object({ kind: z.literal("prepare") }),
  // Become active in this epoch. An exclusive active serves from the first lease on that an ack brings.
  promote: z.object({ kind: z.literal("promote") }),
  // Become standby in this epoch; lifts a fence.
  demote: z.object({ kind: z.literal("demote") }),
  // Put the files of `release` in place, only while they still are `judged`; then reload and ask all goldens.
  restore: z.object({
    kind: z.literal("restore"),
    judged: Digest,
    release: Digest,
    reload: z.boolean(),
    models,
  }),
  // Load the files again and ask all goldens.
  reload: z.object({ kind: z.literal("reload"), models }),
  // Run the configured restart driver and ask all goldens.
  restart: z.object({ kind: z.literal("restart") }),
  // Divert although the verdict does not ask for it (drain), or take it back.
  drain: z.object({ kind: z.literal("drain"), on: z.boolean() }),
  // Break something on purpose, undone after `ms` whatever happens.
  drill: z.object({
    kind: z.literal("drill"),
    fault: z.string().max(64),
    ms: z.number().int().min(100).max(600_000),
  }),
} as const;

export const Act = z.discriminatedUnion("kind", [
  act.fence,
  act.prepare,
  act.promote,
  act.demote,
  act.restore,
  act.reload,
  act.restart,
  act.drain,
  act.drill,
]);
export type Act = z.infer<typeof Act>;

/**
 * Collector -> sidecar. A sink keeps the highest term and epoch that it has seen and refuses lower ones, refuses
 * another incarnation's commands, and answers a repeated id with its first result without acting again.
 */
export const Command = z.object({
  id: z.string().min(1).max(128),
  term: z.number().int().min(0),
  epoch: z.number().int().min(0),
  incarnation: z.string().min(1).max(64),
  act: Act,
  reason: z.string().max(500),
});
export type Command = z.infer<typeof Command>;

export const CommandResult = z.object({
  id: z.string(),
  outcome: z.enum(["done", "refused", "failed"]),
  code: z.string().max(64).describe("a fault code where not done, else 'ok'"),
  detail: z.string().max(1000),
  tookMs: z.number().min(0),
});
export type CommandResult = z.infer<typeof CommandResult>;
