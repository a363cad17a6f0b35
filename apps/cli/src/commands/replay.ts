import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Fault } from "@locum/contracts";
import { defineCommand } from "../command.ts";
import { createReplay } from "../replay-decisions.ts";

export const replay = defineCommand({
  usage: "replay FILE",
  about:
    "Makes the decisions of an input log again, from its first state and its inputs, and holds each against the digest of what was decided then: they must be the same, bit by bit. Shows what each input changed, and needs no collector.",
  examples: [
    ["locum replay .locum/collector/inputs/digits/inputs.jsonl", "what was decided, and from what"],
    ["locum replay inputs.jsonl --json", "every input with its effects"],
  ],
  flags: { quiet: { kind: "switch", about: "only the count and the digest of all decisions" } },
  positionalsMax: 1,
  async run({ flags, positionals: [file], out }) {
    if (file === undefined) throw new Fault("usage", "expected an input log, found nothing");
    await stat(file).catch((cause: unknown) => {
      throw new Fault("not-found", `${file} cannot be read: ${(cause as Error).message}`, {
        hint: "The collector writes it below its dataDir.",
        cause,
      });
    });
    const replayed = createReplay();
    let number = 0;
    for await (const line of createInterface({
      input: createReadStream(file, "utf8"),
      crlfDelay: Infinity,
    })) {
      number += 1;
      if (line === "") continue;
      const step = replayed.take(line, number);
      if (!step || flags.quiet) continue;
      out.event({
        kind: "decision",
        line: number,
        input: step.input.kind,
        atMs: step.input.atMs,
        effects: step.effects,
      });
      const told = step.effects.filter(({ kind }) => kind !== "ack");
      if (told.length > 0)
        out.say(
          `${String(number).padStart(6)}  ${(step.input.atMs / 1000).toFixed(3)} s  ${step.input.kind.padEnd(12)} ${told.map(effectText).join("; ")}`,
        );
    }
    const figures = replayed.end();
    out.say(
      `\n${figures.inputs} inputs, ${figures.effects} effects; ${figures.compared} decisions are those that were made then: ${figures.digest}`,
    );
    out.summary({ file, ...figures });
    return 0;
  },
});

type Effect =
  ReturnType<ReturnType<typeof createReplay>["take"]> extends infer Step
    ? NonNullable<Step> extends { effects: (infer One)[] }
      ? One
      : never
    : never;

function effectText(effect: Effect): string {
  switch (effect.kind) {
    case "send":
      return `${effect.command.act.kind} -> ${effect.instance}`;
    case "audit":
      return `${effect.event.kind} ${effect.event.instance ?? ""}: ${effect.event.reason}`;
    case "incident":
      return `incident ${effect.incident.id} ${effect.incident.closedAtMs === null ? "open" : "closed"}`;
    case "would":
      return `would ${effectText(effect.effect)}`;
    default:
      return effect.kind;
  }
}
