import { createHash } from "node:crypto";
import type { Clock, Random } from "@locum/runtime";

/** Somebody who may read the pages. */
export type Reader = { name: string; role: string };

/**
 * Who looks at the pages, in memory: a restart logs everybody out. Keys are hashes of what the browser holds, so that
 * how long a look-up takes tells nothing of a key that is near to the guess.
 */
export type Sessions = {
  /** A session's id, for the cookie. */
  open(reader: Reader): string;
  reader(id: string | undefined): Reader | null;
  end(id: string | undefined): void;
  /** A code that opens one session, once, within minutes: it may stand in an address where no token may. */
  issueCode(reader: Reader): string;
  redeem(code: string): Reader | null;
};

export const sessionMs = 12 * 3_600_000;
export const codeMs = 15 * 60_000;
const sessionsMax = 1000;
const codesMax = 100;
const keyBytes = 16;

export function createSessions({
  clock,
  random,
}: {
  clock: Pick<Clock, "monotonicMs">;
  random: Pick<Random, "bytes">;
}): Sessions {
  const sessions = createKeys({ clock, random, lastMs: sessionMs, max: sessionsMax });
  const codes = createKeys({ clock, random, lastMs: codeMs, max: codesMax });
  return {
    open: sessions.add,
    reader: (id) => (id === undefined ? null : sessions.find(id)),
    end: (id) => {
      if (id !== undefined) sessions.take(id);
    },
    issueCode: codes.add,
    redeem: codes.take,
  };
}

type Keys = {
  add(reader: Reader): string;
  find(key: string): Reader | null;
  take(key: string): Reader | null;
};

function createKeys({
  clock,
  random,
  lastMs,
  max,
}: Parameters<typeof createSessions>[0] & { lastMs: number; max: number }): Keys {
  // In the order of their end: the oldest is the first.
  const held = new Map<string, { reader: Reader; endsMs: number }>();
  const find = (key: string): Reader | null => {
    const one = held.get(hashOf(key));
    return one && one.endsMs > clock.monotonicMs() ? one.reader : null;
  };
  return {
    add(reader) {
      for (const [hash, { endsMs }] of held)
        if (endsMs <= clock.monotonicMs() || held.size >= max) held.delete(hash);
      const key = Buffer.from(random.bytes(keyBytes)).toString("base64url");
      held.set(hashOf(key), { reader, endsMs: clock.monotonicMs() + lastMs });
      return key;
    },
    find,
    take(key) {
      const reader = find(key);
      held.delete(hashOf(key));
      return reader;
    },
  };
}

const hashOf = (key: string): string => createHash("sha256").update(key).digest("base64");
