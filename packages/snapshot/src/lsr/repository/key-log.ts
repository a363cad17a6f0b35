import { createHash } from "node:crypto";
import { Fault } from "@locum/contracts";
import { z } from "zod";
import { limits } from "../limits.ts";
import { readBlob } from "../store/blob-store.ts";
import { macLine, openMacLine } from "./mac-line.ts";
import type { Repository } from "./repository.ts";

const hexDigest = z.string().regex(/^[0-9a-f]{64}$/);
const members = z.object({
  /** `key-use`, `recipient-added`, `recipient-dropped`, `rotated`, `escrow-proven`; a reader passes others on. */
  kind: z.string().max(40),
  at: z.string().max(40),
  by: z.string().max(200),
  /** The recipient id of the private key that was used; null where none was. */
  key: hexDigest.nullable(),
  details: z.record(z.string().max(100), z.json()),
  /** SHA-256 of the file before this one; null in the first. */
  previous: hexDigest.nullable(),
});

export type KeyEvent = z.infer<typeof members>;
export type LoggedKeyEvent = KeyEvent & { number: bigint };
export type KeyLog = {
  events: LoggedKeyEvent[];
  /** What was found wrong, by the file's name: not written with the id key, or the one before it is not the one it names. */
  problems: { name: string; what: string }[];
  /** Of the last event; noted elsewhere, it shows later that nothing was cut off behind it. */
  head: { number: bigint; digest: string } | undefined;
};

const folder = "audit/";
const ending = ".al";
const triesMax = 20;
/** A forger may fill numbers, but not make a writer open more than so many of them. */
const invalidMax = 64;

/**
 * Adds an event to the repository's log of keys. Whoever holds the id key can write one, and whoever can delete in the
 * storage can cut the end off: it is for honest operators to find their way, not a witness against a writer.
 * @throws Fault conflict: others add all the time · disk-full · storage-failed · refused: the storage is for reading only
 */
export async function appendKeyEvent(
  repository: Repository,
  { kind, by, key, details }: Pick<KeyEvent, "kind" | "by" | "key" | "details">,
): Promise<LoggedKeyEvent> {
  for (let tries = 0; tries < triesMax; tries++) {
    const numbers = await listNumbers(repository);
    const last = await lastValid(repository, numbers);
    let number = (last?.number ?? 0n) + 1n;
    const taken = new Set(numbers);
    while (taken.has(number)) number++;
    const at = new Date(repository.wallMs()).toISOString();
    const event: KeyEvent = { kind, at, by, key, details, previous: last?.digest ?? null };
    const line = macLine(repository.macKey, nameOf(number), event);
    if (await repository.store.create(nameOf(number), [line])) return { ...event, number };
  }
  throw new Fault("conflict", "others write into the log of keys all the time");
}

/** The `last` events, oldest first, each compared with the one before it. */
export async function readKeyLog(
  repository: Repository,
  { last = Number.POSITIVE_INFINITY }: { last?: number } = {},
): Promise<KeyLog> {
  const log: KeyLog = { events: [], problems: [], head: undefined };
  const numbers = await listNumbers(repository);
  const shown = numbers.slice(Math.max(0, numbers.length - last));
  let before: string | null | undefined = shown.length < numbers.length ? undefined : null;
  for (const number of shown) {
    const found = await readEvent(repository, number);
    if ("what" in found) {
      log.problems.push({ name: nameOf(number), what: found.what });
      continue;
    }
    if (before !== undefined && found.event.previous !== before)
      log.problems.push({ name: nameOf(number), what: "the event before it is missing or another" });
    log.events.push({ ...found.event, number });
    log.head = { number, digest: found.digest };
    before = found.digest;
  }
  return log;
}

async function listNumbers({ store }: Pick<Repository, "store">): Promise<bigint[]> {
  const numbers: bigint[] = [];
  for await (const { name } of store.list(folder)) {
    const number = /^audit\/([0-9a-f]{16})\.al$/.exec(name)?.[1];
    if (number !== undefined) numbers.push(BigInt(`0x${number}`));
  }
  return numbers.sort((a, b) => (a < b ? -1 : 1));
}

async function lastValid(
  repository: Repository,
  numbers: readonly bigint[],
): Promise<{ number: bigint; digest: string } | undefined> {
  for (const number of numbers.toReversed().slice(0, invalidMax)) {
    const found = await readEvent(repository, number);
    if ("event" in found) return { number, digest: found.digest };
  }
  return undefined;
}

async function readEvent(
  { store, macKey }: Repository,
  number: bigint,
): Promise<{ event: KeyEvent; digest: string } | { what: string }> {
  try {
    const bytes = await readBlob(store, nameOf(number), limits.macLine);
    const { data } = members.safeParse(openMacLine(macKey, nameOf(number), bytes));
    if (!data) return { what: "it is no event" };
    return { event: data, digest: createHash("sha256").update(bytes).digest("hex") };
  } catch (error) {
    if (error instanceof Fault && ["snapshot-missing", "snapshot-corrupt"].includes(error.code))
      return { what: error.message };
    throw error;
  }
}

const nameOf = (number: bigint): string => `${folder}${number.toString(16).padStart(16, "0")}${ending}`;
