import type { Io } from "./io.ts";
import { type Paint, paintFor } from "./paint.ts";
import { type Cell, renderTable } from "./table.ts";

/** What a command says: tables and sentences for people, or one JSON object a line for scripts. Never both. */
export type Output = {
  json: boolean;
  paint: Paint;
  /** How wide the terminal is; 80 where there is none. */
  columns: number;
  /** A line for people on standard output. */
  say(text?: string): void;
  table(head: readonly string[], rows: readonly (readonly Cell[])[]): void;
  /** Progress for people, on standard error, so that standard output can be piped. */
  progress(text: string): void;
  /** An event for scripts. */
  event(event: { kind: string } & Record<string, unknown>): void;
  /** A line of JSON of its own form, where a verb has promised one. */
  line(value: object): void;
  /** The last line for scripts: every figure that people see. */
  summary(figures: Record<string, unknown>): void;
};

export function createOutput(
  { stdout, stderr, env }: Pick<Io, "stdout" | "stderr" | "env">,
  { json }: { json: boolean },
): Output {
  const isPlain = env("NO_COLOR") !== undefined || env("TERM") === "dumb";
  const paint = paintFor(!json && stdout.isTTY === true && !isPlain);
  const columns = stdout.isTTY ? Math.max(40, Math.min(stdout.columns ?? 80, 120)) : 80;
  const line = (value: object) => void stdout.write(`${JSON.stringify(value)}\n`);
  const people = (sink: typeof stdout, text: string) => void (json || sink.write(`${text}\n`));
  return {
    json,
    paint,
    columns,
    say: (text = "") => people(stdout, text),
    table: (head, rows) => people(stdout, renderTable(head, rows, { columns, paint })),
    progress: (text) => people(stderr, text),
    event: (event) => void (json && line(event)),
    line: (value) => void (json && line(value)),
    summary: (figures) => void (json && line({ kind: "summary", ...figures })),
  };
}
