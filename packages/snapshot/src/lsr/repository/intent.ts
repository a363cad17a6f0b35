import { Fault } from "@locum/contracts";
import { z } from "zod";
import { limits } from "../limits.ts";
import { readBlob } from "../store/blob-store.ts";
import type { Repository } from "./repository.ts";
import { ulid, ulidPattern } from "./ulid.ts";

/** Longer than any snapshot takes; what a writer claims beyond it is not believed. */
export const intentMsMax = 24 * 3_600_000;

export type Intent = {
  name: string;
  startedMs: number;
  endsMs: number;
  /** As it calls itself; null where that cannot be read. */
  writer: string | null;
};

const shape = z.object({
  writer: z.string().max(500),
  startedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

/** Says that a writer is at work, before it looks at what there is: from now on nothing that it sees is collected. */
export async function openIntent(
  repository: Repository,
  { writer, lifetimeMs = intentMsMax }: { writer: string; lifetimeMs?: number },
): Promise<string> {
  const now = repository.wallMs();
  const name = `intents/${ulid(now, repository.random)}.json`;
  const [startedAt, expiresAt] = [now, now + lifetimeMs].map((ms) => new Date(ms).toISOString());
  await repository.store.create(name, [Buffer.from(JSON.stringify({ writer, startedAt, expiresAt }))]);
  return name;
}

/**
 * Whoever collects removes an intent that ran out before it acts, so that this file's being there is the whole
 * question, and no writer has to compare clocks. @throws Fault conflict: it ran out
 */
export async function checkIntent({ store }: Pick<Repository, "store">, name: string): Promise<void> {
  if ((await store.size(name)) !== undefined) return;
  throw new Fault("conflict", `${name} ran out while its writer was at work`, {
    hint: "Nothing was committed: take the snapshot again.",
  });
}

/** Open intents, by the storage's clock. One that cannot be read counts for as long as any may. */
export async function listIntents({ store }: Pick<Repository, "store">): Promise<Intent[]> {
  const intents: Intent[] = [];
  for await (const { name, modifiedMs } of store.list("intents/")) {
    const id = /^intents\/([^/]{26})\.json$/.exec(name)?.[1] ?? "";
    if (!ulidPattern.test(id)) continue;
    const { lifetimeMs, writer } = await saidBy(store, name);
    intents.push({ name, startedMs: modifiedMs, endsMs: modifiedMs + lifetimeMs, writer });
  }
  return intents;
}

async function saidBy(
  store: Repository["store"],
  name: string,
): Promise<{ lifetimeMs: number; writer: string | null }> {
  try {
    const json: unknown = JSON.parse(Buffer.from(await readBlob(store, name, limits.macLine)).toString());
    const { writer, startedAt, expiresAt } = shape.parse(json);
    const claimedMs = Date.parse(expiresAt) - Date.parse(startedAt);
    return { lifetimeMs: Math.min(intentMsMax, Math.max(0, claimedMs)), writer };
  } catch (error) {
    if (error instanceof Fault && !["snapshot-missing", "snapshot-corrupt"].includes(error.code)) throw error;
    return { lifetimeMs: intentMsMax, writer: null };
  }
}
