import type { Meta, PodSpec } from "./pod.ts";
import { readStatus } from "./status.ts";
import { containerName, volumeNames } from "./strip.ts";

type Obj = Record<string, unknown>;

/**
 * A webhook is asked again after others have seen its work: by then the API server has filled in defaults, and a
 * LimitRange or a mesh has set what its namespace demands of every container. Where the sidecar in the pod is the one
 * that would be put in, those stay; taken away, they would never be set again, and the pod be refused for lacking them.
 * What an older version had put in is no addition: there the new sidecar stands as it is.
 */
export function keepAdditions(
  before: { pod: PodSpec; meta: Meta },
  after: { pod: PodSpec; meta: Meta },
): PodSpec {
  const was = readStatus(before.meta);
  const is = readStatus(after.meta);
  if (typeof was !== "object" || typeof is !== "object" || was?.spec !== is?.spec) return after.pod;
  const pod = { ...after.pod };
  for (const list of ["initContainers", "containers", "volumes"] as const) {
    const present = new Map((before.pod[list] ?? []).map((one) => [one.name, one]));
    const members = after.pod[list]?.map((one) => {
      const old = isOurs[list].includes(one.name) ? present.get(one.name) : undefined;
      return old === undefined ? one : limited(merge(one, old) as Obj);
    });
    if (members) pod[list] = members as never;
  }
  return pod;
}

const isOurs: Record<"initContainers" | "containers" | "volumes", readonly string[]> = {
  initContainers: [containerName],
  containers: [containerName],
  volumes: volumeNames,
};

/** What runs in the sidecar is nobody's addition. */
const limited = ({ command: _command, args: _args, workingDir: _dir, ...one }: Obj): Obj => one;

/** What is wanted wins, what it says nothing of stays. */
function merge(wanted: unknown, present: unknown): unknown {
  if (Array.isArray(wanted) && Array.isArray(present)) return mergeLists(wanted, present);
  if (!isObject(wanted) || !isObject(present)) return wanted;
  const merged: Obj = { ...present, ...wanted };
  for (const [key, value] of Object.entries(wanted))
    if (Object.hasOwn(present, key)) merged[key] = merge(value, present[key]);
  return merged;
}

/** Members that have a name are matched by it, in the order in which they stand; others by their place. */
function mergeLists(wanted: unknown[], present: unknown[]): unknown[] {
  if (!wanted.every((one) => idOf(one) !== undefined))
    return wanted.length === present.length ? wanted.map((one, at) => merge(one, present[at])) : wanted;
  const byId = new Map(wanted.map((one) => [idOf(one), one]));
  const stay = present.map((one) => {
    const mine = byId.get(idOf(one));
    byId.delete(idOf(one));
    return mine === undefined ? one : merge(mine, one);
  });
  return [...stay, ...byId.values()];
}

function idOf(one: unknown): string | undefined {
  if (!isObject(one)) return undefined;
  const id = one.mountPath ?? one.name;
  return typeof id === "string" ? id : undefined;
}

const isObject = (value: unknown): value is Obj =>
  typeof value === "object" && value !== null && !Array.isArray(value);
