import { randomBytes } from "node:crypto";
import { nodeFs } from "../../fs.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import type { RepositoryDeps } from "../repository/repository.ts";
import { directoryStore } from "../store/directory-store.ts";
import { sealing } from "./rig.ts";

/** A day in 2.4 seconds: within one run intents run out, and what was announced is deleted. */
const speed = 36_000;

/** A real folder whose clock, and its writers' own, runs fast from `baseMs` on. */
export function killDeps(root: string, baseMs: number): RepositoryDeps {
  const store = directoryStore({ fs: nodeFs, root, random: randomBytes });
  const fast = (ms: number) => Math.floor(baseMs + (ms - baseMs) * speed);
  return {
    store: {
      ...store,
      async *list(prefix) {
        for await (const blob of store.list(prefix)) yield { ...blob, modifiedMs: fast(blob.modifiedMs) };
      },
    },
    idKey: sealing.idKey,
    hash: nativeHash,
    random: randomBytes,
    wallMs: () => fast(Date.now()),
  };
}

/** What a process says before and after each of its works: a line it has written survives its end. */
export type Said =
  | { kind: "ready" }
  | { kind: "try"; work: "commit"; weights: number }
  | { kind: "try"; work: "forget"; id: string }
  | { kind: "try"; work: "restore"; id: string; weights: number }
  | { kind: "try"; work: "prune" | "scrub" }
  | { kind: "committed"; id: string; weights: number }
  | { kind: "done"; work: "forget" | "restore" | "prune" | "scrub"; deleted: number };
