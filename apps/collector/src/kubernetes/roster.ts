import type { Change } from "@locum/runtime/kubernetes";
import { keyOf, type PodSeen, seePod } from "./pod-seen.ts";

/** The pods that there are, as the API server told them last. */
export type Roster = {
  /** A change out of one list-and-watch: `scope` is its namespace, or the empty text for all. */
  apply(scope: string, change: Change): void;
  /** One pod that was read by itself; older than what is known it is passed over. */
  put(object: unknown): PodSeen | null;
  pods(): readonly PodSeen[];
  get(namespace: string, name: string): PodSeen | undefined;
  /** Has every scope been listed once. */
  synced(): boolean;
  /** Grows when who belongs to what may have changed. That a pod is ready, say, is no reason to look at all of them. */
  layout(): number;
  onChange(listener: () => void): void;
  /** Objects that were no pods. */
  malformed(): number;
};

export function createRoster(scopes: readonly string[]): Roster {
  const pods = new Map<string, PodSeen>();
  const listed = new Set<string>();
  let malformed = 0;
  let layout = 0;
  let shown: readonly PodSeen[] | null = null;
  let listener: () => void = () => undefined;
  const changed = (isLayout: boolean): void => {
    if (isLayout) layout += 1;
    shown = null;
    listener();
  };

  const see = (object: unknown): PodSeen | null => {
    const key = keyIn(object);
    const before = key === null ? undefined : pods.get(key);
    const pod = seePod(object, before);
    if (!pod) malformed += 1;
    return pod;
  };
  const set = (pod: PodSeen): void => {
    if (isOurs(pod)) pods.set(keyOf(pod), pod);
    else pods.delete(keyOf(pod));
  };
  const put = (object: unknown): PodSeen | null => {
    const pod = see(object);
    if (!pod) return null;
    const known = pods.get(keyOf(pod));
    if (!known && !isOurs(pod)) return pod;
    if (known && known.uid === pod.uid && isNewer(known.resourceVersion, pod.resourceVersion)) return known;
    set(pod);
    changed(!known || layoutOf(known) !== layoutOf(pod));
    return pod;
  };
  const listAll = (scope: string, objects: readonly unknown[]): void => {
    const found = objects.flatMap((object) => see(object) ?? []);
    for (const [key, { namespace }] of pods) if (scope === "" || scope === namespace) pods.delete(key);
    for (const pod of found) set(pod);
    listed.add(scope);
    changed(true);
  };
  const remove = (object: unknown): void => {
    const pod = see(object);
    const known = pod && pods.get(keyOf(pod));
    // Another pod may have the name by now.
    if (known?.uid !== pod?.uid || !pod) return;
    pods.delete(keyOf(pod));
    changed(true);
  };
  return {
    apply(scope, change) {
      if (change.kind === "all") listAll(scope, change.items);
      else if (change.kind === "put") put(change.object);
      else remove(change.object);
    },
    put,
    pods: () => {
      shown ??= [...pods.values()];
      return shown;
    },
    get: (namespace, name) => pods.get(keyOf({ namespace, name })),
    synced: () => scopes.every((scope) => listed.has(scope)),
    layout: () => layout,
    onChange(given) {
      listener = given;
    },
    malformed: () => malformed,
  };
}

/** Of all pods of a namespace those that asked for a sidecar, and those that have one. */
const isOurs = ({ asked, sidecar }: PodSeen): boolean => asked || sidecar !== null;

const layoutOf = ({ uid, serviceText, node, deleting, ended }: PodSeen): string =>
  [uid, node, deleting, ended, serviceText].join(" ");

/** Resource versions of one kind are numbers that grow, since 1.35 by promise; before that in all but name. */
function isNewer(a: string, b: string): boolean {
  if (!/^\d{1,20}$/.test(a) || !/^\d{1,20}$/.test(b)) return false;
  return BigInt(a) > BigInt(b);
}

function keyIn(object: unknown): string | null {
  const { namespace, name } =
    (Object(object) as { metadata?: { namespace?: unknown; name?: unknown } }).metadata ?? {};
  return typeof namespace === "string" && typeof name === "string" ? `${namespace}/${name}` : null;
}
