import { type InjectConfig, label, podOf, readStatus, sourceKey, statusKey, wantPod } from "@locum/injection";
import { stringify } from "yaml";
import { type DiffLine, lineDiff } from "./line-diff.ts";

type Obj = Record<string, unknown>;
export type LiveState = "as-injected" | "not-injected" | "differs";
export type Compared = { state: LiveState; hunks: DiffLine[][]; why: string | null };

/**
 * Whether an object that the API server has carries the sidecar that the file would give it. Only what injection writes
 * is compared: the keys come from the file, everything else of the live object is left as it is.
 */
export function compareLive(
  file: Obj,
  live: Obj,
  { config, servicePorts = [] }: { config: InjectConfig; servicePorts?: readonly number[] },
): Compared {
  const [asked, found] = [podOf(file), podOf(live)];
  if (!asked || !found) return { state: "not-injected", hunks: [], why: "it makes no pods" };
  const meta = { ...metaOf(found), ...withKeysOf(metaOf(asked), metaOf(found)) };
  const owner = live === found ? undefined : String(metaOf(live).name ?? "");
  const wanted = wantPod({ ...found, metadata: meta }, { config, servicePorts, owner });
  if (wanted.kind === "declined")
    return { state: "differs", hunks: [], why: `${wanted.reason}: ${wanted.detail}` };
  if (readStatus(metaOf(found)) === null) return { state: "not-injected", hunks: [], why: null };
  const hunks = lineDiff(shown(found), shown(wanted.after as Obj));
  return { state: hunks.length === 0 ? "as-injected" : "differs", hunks, why: null };
}

/** Labels and annotations of the live object, with the file's keys in place of its own. */
function withKeysOf(asked: Obj, found: Obj): Obj {
  const ours = ([key]: [string, unknown]): boolean =>
    key.startsWith("locum.dev/") && key !== statusKey && key !== sourceKey;
  const merged = (map: "labels" | "annotations"): Obj => {
    const others = Object.entries((found[map] ?? {}) as Obj).filter(
      (entry) => !ours(entry) || (map === "labels" && entry[0] !== label),
    );
    return Object.fromEntries([...others, ...Object.entries((asked[map] ?? {}) as Obj).filter(ours)]);
  };
  return { labels: merged("labels"), annotations: merged("annotations") };
}

/** The pod as lines, in one order of keys, without what tells versions and places only. */
function shown(pod: Obj): string {
  const { labels = {}, annotations = {} } = metaOf(pod) as { labels?: Obj; annotations?: Obj };
  const { [statusKey]: _status, [sourceKey]: _source, ...rest } = annotations;
  return stringify(
    { metadata: { labels, annotations: rest }, spec: pod.spec },
    { lineWidth: 0, sortMapEntries: true },
  );
}

const metaOf = ({ metadata }: Obj): Obj =>
  typeof metadata === "object" && metadata !== null ? (metadata as Obj) : {};
