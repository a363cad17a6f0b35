import type { AuditEvent, AuditKind } from "@locum/contracts";
import { z } from "zod";
import { type LogFs, nodeLogFs } from "./log-fs.ts";

/** `sampled`: of the counted class, under pressure, or as the configuration asks. `refused`: its writer was told that it is not in the log. */
export type TallyReason = "sampled" | "refused";

/**
 * Exact numbers of the events that are not in a log one by one, for each kind, service, instance and reason. They
 * become `audit.count` events; `total` of such an event counts since the first one ever, so that one that was told
 * twice around a crash is seen to be the same.
 */
export type Tally = {
  /** Counts one. Resolves when that is on disk; where the disk takes nothing it is kept and written with the next. */
  add(
    of: Pick<AuditEvent, "service" | "instance"> & { kind: AuditKind | "inference.record" },
    why: TallyReason,
    count?: number,
  ): Promise<void>;
  /** What has not been told, as events; `told` is called when they are on disk. */
  untold(writer: Pick<AuditEvent, "at" | "actor">): { events: AuditEvent[]; told(): Promise<void> };
  isEmpty(): boolean;
};

const Entry = z.strictObject({
  kind: z.string(),
  service: z.string(),
  instance: z.string().nullable(),
  why: z.enum(["sampled", "refused"]),
  total: z.number().int().min(0),
  told: z.number().int().min(0),
});
type Entry = z.infer<typeof Entry>;

/** Beyond so many instances they are counted together, by kind. */
const entriesMax = 10_000;

/** In memory only where no path is given. A file that is damaged is none: numbers begin anew. */
export async function openTally({
  path,
  fs = nodeLogFs,
}: {
  path?: string;
  fs?: LogFs;
} = {}): Promise<Tally> {
  return createTally({ entries: path === undefined ? [] : parse(await fs.readSmall(path)), path, fs });
}

/** The same, without looking for a file. */
export function createTally({
  entries: found = [],
  path,
  fs = nodeLogFs,
}: {
  entries?: readonly Entry[];
  path?: string | undefined;
  fs?: LogFs;
} = {}): Tally {
  const entries = new Map(found.map((entry) => [keyOf(entry), { ...entry }]));
  let writing: Promise<void> | undefined;
  let again: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    // Whoever counts in this turn shares the write.
    await Promise.resolve();
    if (path !== undefined) await fs.replace(path, JSON.stringify([...entries.values()])).catch(() => {});
  };
  /** At most one write runs and one waits, which holds everything that was counted before it began. */
  const save = (): Promise<void> => {
    if (path === undefined) return Promise.resolve();
    if (again) return again;
    const next = (writing ?? Promise.resolve()).then(() => {
      again = undefined;
      return write();
    });
    again = next;
    writing = next;
    return next;
  };
  return {
    async add({ kind, service, instance }, why, count = 1) {
      const asked = { kind, service, instance, why };
      const place = entries.has(keyOf(asked)) || entries.size < entriesMax ? asked : together(asked);
      const entry = entries.get(keyOf(place)) ?? { ...place, total: 0, told: 0 };
      entry.total += count;
      entries.set(keyOf(entry), entry);
      await save();
    },
    untold(writer) {
      const open = [...entries.values()].filter(({ total, told }) => total > told);
      const upTo = new Map(open.map((entry) => [entry, entry.total]));
      return {
        events: open.map((entry) => countEvent(entry, writer)),
        async told() {
          for (const [entry, total] of upTo) entry.told = Math.max(entry.told, total);
          await save();
        },
      };
    },
    isEmpty: () => ![...entries.values()].some(({ total, told }) => total > told),
  };
}

const keyOf = ({ kind, service, instance, why }: Omit<Entry, "total" | "told">): string =>
  JSON.stringify([kind, service, instance, why]);

const together = <T extends Pick<Entry, "service" | "instance">>(entry: T): T => ({
  ...entry,
  service: "",
  instance: null,
});

const countEvent = (
  { kind, service, instance, why, total, told }: Entry,
  writer: Pick<AuditEvent, "at" | "actor">,
): AuditEvent => ({
  kind: "audit.count",
  ...writer,
  service,
  instance,
  epoch: 0,
  incident: null,
  reason:
    why === "sampled"
      ? `${total - told} ${kind} were counted, and not written one by one`
      : `${total - told} ${kind} were refused: there was no room for them`,
  facts: { counted: kind, count: total - told, total, why },
});

function parse(text: string | undefined): Entry[] {
  try {
    const entries = z
      .array(Entry)
      .max(2 * entriesMax)
      .parse(JSON.parse(text ?? "[]"));
    return entries;
  } catch {
    return [];
  }
}
