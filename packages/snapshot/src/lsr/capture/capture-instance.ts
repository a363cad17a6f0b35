import { basename } from "node:path";
import { assert, type SnapshotHook } from "@locum/contracts";
import { type Fs, nodeFs } from "../../fs.ts";
import type { Ignore } from "../../ignore.ts";
import type { WalkLimits } from "../../walk-tree.ts";
import type { SnapshotInput } from "../write-snapshot.ts";
import type { Capture } from "./capture.ts";
import { type CaptureStateOptions, captureState, type Warning } from "./capture-state.ts";
import { captureTree } from "./capture-tree.ts";
import type { HookDrivers } from "./hooks/hook-driver.ts";
import { type HookOutcome, hookDrivers, runHooks } from "./hooks/run-hooks.ts";
import { joinCaptures } from "./join-captures.ts";

export type CaptureInstanceOptions = {
  modelDir: string;
  ignore?: Ignore;
  /** Folders and files beside it that belong to the instance. */
  include?: readonly string[];
  hooks?: readonly SnapshotHook[];
  /** Where hooks put their copies: a folder of this capture alone, which the caller removes when the snapshot is written. */
  hooksDir?: string;
  state: Omit<CaptureStateOptions, "paths">;
  fs?: Fs;
  limits?: WalkLimits;
  drivers?: HookDrivers;
  signal?: AbortSignal;
};

export type CapturedInstance = Capture & {
  state: NonNullable<SnapshotInput["state"]>;
  /** Of hooks; goes into the stub, as what `settle` says of the files does. */
  torn: boolean;
  hooks: readonly HookOutcome[];
  warnings: readonly Warning[];
};

/** No folder of a model's tree begins with a dot: nothing of it can lie there. */
const ownFolder = ".locum";

/**
 * A live instance, ready for `writeSnapshot`: its model, what is beside it, the copies that hooks took, and its state.
 * Copies of databases are taken first: of two moments that differ, the files' is the later one, as it is the one that
 * is looked at again.
 * @throws Fault refused: more than the limits · disk-full · storage-failed
 */
export async function captureInstance({
  modelDir,
  ignore = [],
  include = [],
  hooks = [],
  hooksDir,
  state,
  fs = nodeFs,
  limits,
  drivers = hookDrivers,
  signal,
}: CaptureInstanceOptions): Promise<CapturedInstance> {
  assert(hooks.length === 0 || hooksDir !== undefined, "hooks have a folder for their copies");
  const outcomes =
    hooksDir === undefined
      ? []
      : await runHooks(hooks, { dir: hooksDir, drivers, ...(signal && { signal }) });
  const shared = { fs, ...(limits && { limits }) };
  const places = include.map((root, at) => ({ root, prefix: `${ownFolder}/include/${at}` }));
  const copies = outcomes.flatMap(({ name, outcome }) =>
    outcome === "copied" ? [{ root: `${hooksDir}/${name}`, prefix: `${ownFolder}/hooks/${name}` }] : [],
  );
  const captures: Capture[] = [await captureTree({ ...shared, root: modelDir, ignore: [...ignore] })];
  for (const place of [...places, ...copies]) captures.push(await captureTree({ ...shared, ...place }));
  const capture = joinCaptures(captures);
  const { state: found, warnings } = await captureState({
    ...state,
    paths: capture.files.map(({ path }) => path),
  });
  return {
    ...capture,
    state: {
      ...found,
      include: places.map(({ root, prefix }) => ({ name: basename(root), at: prefix })),
      hooks: outcomes.map((outcome) => ({ ...outcome })),
      refused: warnings.map((warning) => ({ ...warning })),
    },
    torn: outcomes.some(({ outcome }) => outcome === "failed"),
    hooks: outcomes,
    warnings,
  };
}
