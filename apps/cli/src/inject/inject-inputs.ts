import { basename } from "node:path";
import { Fault } from "@locum/contracts";
import {
  type InjectConfig,
  injectTexts,
  injectUnit,
  isUnit,
  type Machine,
  type Outcome,
  type TextResult,
} from "@locum/injection";
import type { Input } from "./read-inputs.ts";

export type InjectedFile = {
  name: string;
  before: string;
  after: string;
  outcomes: Outcome[];
  objects: { before: unknown; after: unknown }[];
  /** Of a systemd unit: the unit to be installed beside it. */
  unit: { dropIn: string; sidecarUnit: string } | null;
};
export type BrokenFile = { name: string; line: number; column: number; message: string };

type UnitInput = { config: InjectConfig; unitName: string | undefined; machine: Machine };

/** Every file of an input, injected together. Broken ones are named, all of them. */
export function injectInputs(
  inputs: readonly Input[],
  given: UnitInput,
): { files: InjectedFile[]; broken: BrokenFile[] } {
  const files: InjectedFile[] = [];
  const broken: BrokenFile[] = [];
  const manifests = inputs.filter(({ text }) => text !== null && !isUnit(text));
  const results = injectTexts(
    manifests.map(({ text }) => text ?? ""),
    given.config,
  );
  for (const { name, text } of inputs) {
    const index = manifests.findIndex((one) => one.name === name && one.text === text);
    const result = results[index];
    if (text === null) broken.push({ name, line: 1, column: 1, message: "expected UTF-8" });
    else if (result) put(result, name, text, { files, broken });
    else files.push(unitFile(name, text, given));
  }
  return { files, broken };
}

function put(
  result: TextResult,
  name: string,
  before: string,
  { files, broken }: { files: InjectedFile[]; broken: BrokenFile[] },
): void {
  if (result.kind === "broken")
    broken.push({ name, ...result.problem, message: hinted(before, result.problem.message) });
  else
    files.push({
      name,
      before,
      after: result.text,
      outcomes: result.outcomes,
      objects: result.objects,
      unit: null,
    });
}

const hinted = (text: string, message: string): string =>
  /\{\{[^}]*\}\}/.test(text)
    ? `${message} (a Helm template: render it first, helm template | locum inject -f -)`
    : message;

function unitFile(name: string, before: string, { config, unitName, machine }: UnitInput): InjectedFile {
  const unit = unitName ?? (name === "-" ? undefined : basename(name));
  if (unit === undefined)
    throw new Fault("usage", "expected --unit NAME for a unit on standard input, found nothing");
  const result = injectUnit(before, { name: unit, config, machine });
  const about = { apiVersion: "", kind: "Unit", namespace: null, name: unit };
  if (result.kind === "declined") {
    const { reason, detail } = result;
    return {
      name,
      before,
      after: before,
      outcomes: [{ ...about, outcome: "declined", reason, detail }],
      objects: [],
      unit: null,
    };
  }
  const { text, dropIn, sidecarUnit, notes } = result;
  return {
    name,
    before,
    after: text,
    outcomes: [{ ...about, outcome: "injected", notes, target: null }],
    objects: [],
    unit: { dropIn, sidecarUnit },
  };
}
