import { relative, sep } from "node:path";
import type { PathProblem } from "./schema-issue.ts";
import type { ServiceConfig } from "./service.ts";
import { listenerProblems } from "./service-listeners.ts";
import type { PathKey } from "./yaml-document.ts";

/** A broken relation stands at the value that is easiest to change. */
export type RelationProblem = Omit<PathProblem, "on">;

/** What no single field can say: each rule looks at a whole configuration with absolute paths. */
export function relationProblems(config: ServiceConfig): PathProblem[] {
  return rules.flatMap((rule) => rule(config)).map((problem) => ({ ...problem, on: "value" }));
}

type Rule = (config: ServiceConfig) => RelationProblem[];

const rules: Rule[] = [
  uniqueIds,
  uniqueUrls,
  activeRoles,
  exclusiveIsKept,
  sharedFolders,
  foldersApart,
  spareIsThere,
  peersAreKnown,
  recordsHavePlace,
  timings,
  listenerProblems,
];

function uniqueIds({ instances }: ServiceConfig): RelationProblem[] {
  return repeats(instances.map(({ id }) => id)).map(({ index, first }) => ({
    path: ["instances", index, "id"],
    expected: "an id of its own",
    found: `that of instances[${first}]`,
  }));
}

function uniqueUrls({ instances }: ServiceConfig): RelationProblem[] {
  return repeats(instances.map(({ url }) => new URL(url).href)).map(({ index, first }) => ({
    path: ["instances", index, "url"],
    expected: "a model server of its own: one server is no standby of itself",
    found: `that of instances[${first}]`,
  }));
}

function activeRoles({ class: poolClass, instances }: ServiceConfig): RelationProblem[] {
  // A shadow takes no traffic, whatever role is written beside it.
  const actives = instances.filter(({ role, shadow }) => role === "active" && !shadow).length;
  if (poolClass === "exclusive" ? actives === 1 : actives > 0) return [];
  const expected = poolClass === "exclusive" ? "exactly one active in an exclusive service" : "an active";
  return [{ path: ["instances"], expected, found: `${actives} active` }];
}

function exclusiveIsKept({ class: poolClass, posture, failover }: ServiceConfig): RelationProblem[] {
  if (poolClass !== "exclusive") return [];
  const { prepareMs, leaseMs } = failover;
  const problems: RelationProblem[] = [];
  // Two actives are kept apart at a gate; a watcher has none.
  if (posture !== "tap")
    problems.push({ path: ["posture"], expected: "tap, for an exclusive service", found: posture });
  if (failover.failback !== "manual")
    problems.push({
      path: ["failover", "failback"],
      expected: "manual, for an exclusive service",
      found: failover.failback,
    });
  // The old active's lease must outlast the candidate's proof, or the gap between them is never covered.
  if (prepareMs >= leaseMs)
    problems.push({
      path: ["failover", "prepareMs"],
      expected: `less than leaseMs (${leaseMs})`,
      found: `${prepareMs}`,
    });
  return problems;
}

/** Instances with the same files fail together, so that must be said: neither may be the other's source. */
function sharedFolders({ instances }: ServiceConfig): RelationProblem[] {
  return instances.flatMap((instance, index) => {
    const first = instances.findIndex((other) => overlaps(instance.modelDir, other.modelDir));
    const owner = instances[first];
    if (first === index || !owner || (owner.volume !== undefined && owner.volume === instance.volume))
      return [];
    return [
      {
        path: ["instances", index, instance.volume === undefined ? "modelDir" : "volume"],
        expected: `one volume named on both: instances[${first}] serves the same files`,
        found: instance.volume ?? "no volume",
      },
    ];
  });
}

/** What Locum writes must not change the model's own tree, and no two sidecars may share a state. */
function foldersApart(config: ServiceConfig): RelationProblem[] {
  const written: { path: PathKey[]; folder: string | undefined }[] = [
    { path: ["releases"], folder: config.releases },
    { path: ["collector", "dataDir"], folder: config.collector.dataDir },
    { path: ["snapshot", "spareDir"], folder: config.snapshot.spareDir },
    { path: ["snapshot", "repository", "place"], folder: folderOf(config.snapshot.repository?.place) },
    { path: ["inference", "dir"], folder: config.inference.dir },
    ...config.instances.map(({ sidecar }, index) => ({
      path: ["instances", index, "sidecar", "stateDir"],
      folder: sidecar.stateDir,
    })),
  ];
  const inside = written.flatMap(({ path, folder }) => {
    const model = config.instances.find(({ modelDir }) => folder && modelDir && isInside(folder, modelDir));
    return model ? [{ path, expected: `a folder outside of ${model.modelDir}`, found: `${folder}` }] : [];
  });
  const shared = repeats(config.instances.map(({ sidecar }) => sidecar.stateDir ?? "")).map(
    ({ index, first }) => ({
      path: ["instances", index, "sidecar", "stateDir"],
      expected: "a folder of its own",
      found: `that of instances[${first}]`,
    }),
  );
  return [...inside, ...shared];
}

/** A place with a scheme is in no folder. */
const folderOf = (place: string | undefined): string | undefined =>
  place?.includes("://") ? undefined : place;

function spareIsThere({ snapshot }: ServiceConfig): RelationProblem[] {
  if (snapshot.spareDir !== undefined) return [];
  if (snapshot.schedule !== undefined)
    return [{ path: ["snapshot", "schedule"], expected: "none, or a spareDir", found: "no spareDir" }];
  if (snapshot.onSourceFailure === "fail" || snapshot.repository || snapshot.peers) return [];
  return [
    {
      path: ["snapshot", "onSourceFailure"],
      expected: "fail, or a spareDir, peers or a repository",
      found: "none of them",
    },
  ];
}

/** Nobody reads model files without showing who he is. */
function peersAreKnown({ snapshot, instances }: ServiceConfig): RelationProblem[] {
  if (snapshot.peers) return [];
  return instances.flatMap(({ sidecar }, index) =>
    sidecar.files === undefined
      ? []
      : [
          {
            path: ["instances", index, "sidecar", "files"],
            expected: "none, or snapshot.peers with certificates",
            found: sidecar.files,
          },
        ],
  );
}

function recordsHavePlace({ inference, posture }: ServiceConfig): RelationProblem[] {
  const { records, dir, s3 } = inference;
  if (records === "off") return [];
  const path = ["inference", "records"];
  if (posture !== "tap") return [{ path, expected: "off, or the posture tap", found: posture }];
  if (records === "file" && dir === undefined) return [{ path, expected: "off, or a dir", found: "no dir" }];
  if (records === "s3" && s3 === undefined) return [{ path, expected: "off, or s3.url", found: "no s3" }];
  return [];
}

/** [path of the field, its least value, the field that says so and why]. */
function timings({ probe, golden, snapshot, failover, objectives }: ServiceConfig): RelationProblem[] {
  const least: [PathKey[], number, number, string][] = [
    [["failover", "leaseMs"], failover.leaseMs, 3 * failover.heartbeatMs, "3 x heartbeatMs"],
    [["probe", "liveMs"], probe.liveMs, probe.timeoutMs, "probe.timeoutMs: probes would overlap"],
    [["probe", "readyMs"], probe.readyMs, probe.timeoutMs, "probe.timeoutMs: probes would overlap"],
    [["probe", "divertCeilingMs"], probe.divertCeilingMs, probe.divertFloorMs, "probe.divertFloorMs"],
    [
      ["golden", "underTrafficMs"],
      golden.underTrafficMs,
      golden.timeoutFloorMs,
      "golden.timeoutFloorMs: goldens would overlap",
    ],
    [["golden", "idleRoundMs"], golden.idleRoundMs, golden.underTrafficMs, "golden.underTrafficMs"],
    [
      ["golden", "fitnessMaxAgeMs"],
      golden.fitnessMaxAgeMs,
      golden.idleRoundMs,
      "golden.idleRoundMs: an idle standby would never be fit",
    ],
    [
      ["snapshot", "settleMs"],
      snapshot.settleMs,
      snapshot.statMs,
      "snapshot.statMs: quiet is seen by that sweep",
    ],
    [["objectives", "rtoMs"], objectives.rtoMs, objectives.detectMs, "objectives.detectMs"],
  ];
  return least.flatMap(([path, value, bound, why]) =>
    value >= bound ? [] : [{ path, expected: `at least ${bound} (${why})`, found: `${value}` }],
  );
}

function repeats(values: readonly string[]): { index: number; first: number }[] {
  return values.flatMap((value, index) => {
    const first = values.indexOf(value);
    return first === index ? [] : [{ index, first }];
  });
}

const overlaps = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && (isInside(a, b) || isInside(b, a));

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !/^[A-Za-z]:/.test(way));
}
