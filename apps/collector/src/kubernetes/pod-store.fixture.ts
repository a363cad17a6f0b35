export type StoredPod = Record<string, unknown> & {
  metadata: Record<string, unknown> & { name: string; namespace: string };
};
export type Answer = { status: number; body: object };

/** Pods with their resourceVersions, and everything that ever happened to them, as watches tell it. */
export type PodStore = {
  put(pod: object): StoredPod;
  remove(namespace: string, name: string): void;
  get(namespace: unknown, name: unknown): StoredPod | undefined;
  all(): StoredPod[];
  /** A merge patch of metadata, with its preconditions. */
  merge(pod: StoredPod, body: Record<string, unknown>): Answer;
  version(): number;
  /** Lines of a watch that begins after this version. */
  since(version: number): string[];
};

export function createPodStore(send: (line: string) => void): PodStore {
  const pods = new Map<string, StoredPod>();
  const history: { version: number; line: string }[] = [];
  let version = 100;
  const keyOf = (namespace: unknown, name: unknown): string => `${namespace}/${name}`;
  const tell = (type: string, pod: StoredPod): void => {
    const line = JSON.stringify({ type, object: pod });
    history.push({ version, line });
    send(line);
  };
  const versioned = (pod: StoredPod): StoredPod => {
    version += 1;
    const uid = { uid: `uid-${pod.metadata.name}` };
    return { ...pod, metadata: { ...uid, ...pod.metadata, resourceVersion: String(version) } };
  };
  const put = (given: object): StoredPod => {
    const pod = versioned(given as StoredPod);
    const key = keyOf(pod.metadata.namespace, pod.metadata.name);
    const type = pods.has(key) ? "MODIFIED" : "ADDED";
    pods.set(key, pod);
    tell(type, pod);
    return pod;
  };
  return {
    put,
    remove(namespace, name) {
      const pod = pods.get(keyOf(namespace, name));
      pods.delete(keyOf(namespace, name));
      if (pod) tell("DELETED", versioned(pod));
    },
    get: (namespace, name) => pods.get(keyOf(namespace, name)),
    all: () => [...pods.values()],
    merge(pod, { metadata }) {
      const wanted = metadata as {
        resourceVersion?: string;
        uid?: string;
        labels?: object;
        annotations?: object;
      };
      const { resourceVersion = pod.metadata.resourceVersion, uid = pod.metadata.uid } = wanted;
      if (resourceVersion !== pod.metadata.resourceVersion || uid !== pod.metadata.uid)
        return { status: 409, body: { kind: "Status", reason: "Conflict" } };
      const merged = {
        ...pod.metadata,
        labels: { ...(pod.metadata.labels as object), ...wanted.labels },
        annotations: { ...(pod.metadata.annotations as object), ...wanted.annotations },
      };
      return { status: 200, body: put({ ...pod, metadata: merged }) };
    },
    version: () => version,
    since: (from) => history.filter((event) => event.version > from).map(({ line }) => line),
  };
}
