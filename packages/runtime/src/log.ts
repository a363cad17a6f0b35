export type LogLevel = "debug" | "info" | "warn" | "error";
/** One line for whoever runs the process. */
export type Log = (level: LogLevel, message: string, facts?: Record<string, unknown>) => void;

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * The names that a line may carry. A log is read by more people than the service: what is not named here (headers,
 * bodies, tokens, environment) is dropped, and only its name is told.
 */
export const logFields: ReadonlySet<string> = new Set(
  `service instance incident kind code reason error epoch term incarnation release digest model verdict failure action
  attempt durationMs delayMs ageMs stalledMs count bytes lost waited seq path url address signal pid exit status
  problems version posture class role mode from to`.split(/\s+/),
);

/**
 * JSON lines; standard output stays for the one line that scripts wait for. A message that repeats more than
 * `repeatsMax` times within `windowMs` is dropped and counted on its next line, for a log that fills the disk is a
 * fault of its own.
 */
export function createLog({
  write = (line) => void process.stderr.write(line),
  clock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
  level: least = "info",
  fields = logFields,
  repeatsMax = 20,
  windowMs = 10_000,
  messagesMax = 1000,
}: {
  write?: (line: string) => void;
  clock?: { monotonicMs(): number; wallMs(): number };
  level?: LogLevel;
  fields?: ReadonlySet<string>;
  repeatsMax?: number;
  windowMs?: number;
  messagesMax?: number;
} = {}): Log {
  const seen = new Map<string, { sinceMs: number; lines: number; dropped: number }>();
  /** How many equal lines were dropped before this one, or undefined when this one is dropped too. */
  const admit = (message: string): number | undefined => {
    const nowMs = clock.monotonicMs();
    const known = seen.get(message);
    if (known && nowMs - known.sinceMs < windowMs) {
      if (known.lines < repeatsMax) known.lines += 1;
      else known.dropped += 1;
      return known.dropped === 0 ? 0 : undefined;
    }
    if (!known && seen.size >= messagesMax) seen.clear();
    seen.set(message, { sinceMs: nowMs, lines: 1, dropped: 0 });
    return known?.dropped ?? 0;
  };
  return (level, message, facts = {}) => {
    if (rank[level] < rank[least]) return;
    const dropped = admit(message);
    if (dropped === undefined) return;
    const names = Object.keys(facts);
    const unnamed = names.filter((name) => !fields.has(name)).slice(0, 16);
    const shown = names
      .filter((name) => fields.has(name))
      .map((name) => [name, printable(facts[name])] as const);
    write(
      `${JSON.stringify({
        time: new Date(clock.wallMs()).toISOString(),
        level,
        message: message.slice(0, textMax),
        ...Object.fromEntries(shown),
        ...(unnamed.length > 0 ? { unnamed } : {}),
        ...(dropped > 0 ? { repeatsDropped: dropped } : {}),
      })}\n`,
    );
  };
}

const textMax = 1000;

/** Scalars as they are, errors by code and message; an object could hold anything, so only its kind is told. */
function printable(value: unknown): string | number | boolean | null {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string") return value.slice(0, textMax);
  if (value instanceof Error)
    return `${"code" in value ? `${String(value.code)}: ` : ""}${value.message}`.slice(0, textMax);
  return `[${Array.isArray(value) ? `list of ${value.length}` : typeof value}]`;
}
