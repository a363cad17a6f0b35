import { declineReasons, type Outcome } from "@locum/injection";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import { visible } from "../table.ts";
import type { BrokenFile } from "./inject-inputs.ts";

/** One line an object on standard error, so that standard output stays YAML. */
export function reportOutcomes(outcomes: readonly Outcome[], { io, out }: { io: Io; out: Output }): void {
  for (const one of outcomes) {
    out.event({ ...one, kind: "object", of: one.kind });
    if (!out.json) for (const line of linesOf(one)) io.stderr.write(`${visible(line)}\n`);
  }
}

export function reportBroken(broken: readonly BrokenFile[], { io, out }: { io: Io; out: Output }): void {
  for (const one of broken) {
    out.event({ kind: "broken", ...one });
    if (!out.json)
      io.stderr.write(`${visible(`broken   ${one.name}:${one.line}:${one.column}: ${one.message}`)}\n`);
  }
}

/** `deployment/chest-xray`, as kubectl names it. */
export const nameOf = ({ kind, name, namespace }: Outcome): string =>
  `${namespace ? `${namespace}/` : ""}${kind.toLowerCase() || "document"}/${name || "-"}`;

function linesOf(one: Outcome): string[] {
  const name = nameOf(one);
  if (one.outcome === "passed") return one.kind === "" ? [] : [`passed   ${name}`];
  if (one.outcome === "declined")
    return [`declined ${name}: ${one.reason}: ${one.detail}. ${declineReasons[one.reason]}`];
  const { target, notes } = one;
  const what = target
    ? ` (${target.server}, port ${target.port}, ${target.tapPort === null ? "watch" : `tap ${target.tapPort}`})`
    : "";
  return [`injected ${name}${what}`, ...notes.map(({ code, detail }) => `  note   ${code}: ${detail}`)];
}
