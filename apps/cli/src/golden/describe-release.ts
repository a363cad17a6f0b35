import type { Release, ServiceConfig } from "@locum/contracts";
import { smallestVisibleFault } from "@locum/coordination";
import type { Output } from "../output.ts";

type ModelLine = {
  model: string;
  goldens: number;
  outputs: number;
  toleranceAbs: number;
  toleranceRel: number;
  smallestVisible: number;
  floats: number;
  exact: number;
};

/** One line a model: how many goldens prove it, how closely, and what they can see. */
export function goldenLines({ body }: Release): ModelLine[] {
  return Object.keys(body.configuration).map((model) => {
    const goldens = body.goldens.filter((golden) => golden.model === model);
    const tolerances = goldens.flatMap(({ expected }) => expected.map(({ tolerance }) => tolerance));
    const { delta, floats, exact } = smallestVisibleFault(goldens);
    return {
      model,
      goldens: goldens.length,
      outputs: Math.max(0, ...goldens.map(({ expected }) => expected.length)),
      toleranceAbs: tolerances.reduce((most, { abs }) => Math.max(most, abs), 0),
      toleranceRel: tolerances.reduce((most, { rel }) => Math.max(most, rel), 0),
      smallestVisible: delta,
      floats,
      exact,
    };
  });
}

/** What was recorded and signed, as a table, sentences and figures. */
export function describeRelease(
  out: Output,
  { release, file, config, asks }: { release: Release; file: string; config: ServiceConfig; asks: number },
): void {
  const lines = goldenLines(release);
  const { goldens, tree } = release.body;
  out.table(
    ["model", "goldens", "tolerance", "smallest fault seen"],
    lines.map((line) => [
      line.model,
      line.goldens,
      line.floats === 0 ? "exact" : `${short(line.toleranceAbs)} + ${short(line.toleranceRel)}·|x|`,
      line.floats === 0
        ? `any change in ${line.exact} values`
        : `${short(line.smallestVisible)} in any of ${line.floats} values`,
    ]),
  );
  const seconds = Math.ceil((goldens.length * config.golden.underTrafficMs) / 1000);
  const bytes = tree?.files.reduce((sum, { size }) => sum + size, 0) ?? 0;
  out.say("");
  out.say(`${asks} answers compared. Under traffic the whole set is asked every ${seconds} s.`);
  if (config.golden.costPerDayMax !== undefined) {
    const perGoldenS = Math.round(86_400 / config.golden.costPerDayMax);
    out.say(
      `The cost cap allows one golden every ${perGoldenS} s: a wrong answer may last ${2 * perGoldenS} s unseen.`,
    );
  }
  out.say(
    tree
      ? `files     ${tree.files.length} (${bytes} bytes), ${tree.digest.slice(0, 19)}`
      : "files     none at hand: only answers are judged",
  );
  out.say(`release   ${release.digest}`);
  out.say(`signed    ${release.approvals.map(({ keyId }) => keyId).join(", ")}`);
  out.say(`written   ${file}`);
  out.summary({
    release: release.digest,
    file,
    goldens: goldens.length,
    models: lines,
    tree: tree?.digest ?? null,
    files: tree?.files.length ?? 0,
    bytes,
    asks,
    roundSeconds: seconds,
    approvedBy: release.approvals.map(({ keyId }) => keyId),
  });
}

const short = (value: number): string =>
  value !== 0 && value < 1e-3 ? value.toExponential(1) : value.toPrecision(2).replace(/\.0+$/, "");
