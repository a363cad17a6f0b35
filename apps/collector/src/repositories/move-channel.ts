import { Fault } from "@locum/contracts";
import { moveRef, type Repository, readRef } from "@locum/snapshot/repository";
import type { Move } from "./repository-jobs.ts";

/** Wherever it points now, and what it held before. */
export async function moveChannel(repository: Repository, { service, channel, snapshot, by }: Move) {
  const name = { model: service, channel };
  const before = (await readRef(repository, name))?.snapshot ?? null;
  if (before !== snapshot) await moveRef(repository, name, { snapshot, by, expected: before });
  return { before };
}

/** Never back from a newer one. A race that is lost is another's success. */
export async function moveForward(
  repository: Repository,
  asked: Move & { snapshot: string },
): Promise<boolean> {
  const current = (await readRef(repository, { model: asked.service, channel: asked.channel }))?.snapshot;
  if (current && current >= asked.snapshot) return current === asked.snapshot;
  try {
    await moveChannel(repository, asked);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "conflict") return false;
    throw error;
  }
}
