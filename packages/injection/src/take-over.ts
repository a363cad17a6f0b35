import type { Keys } from "./keys.ts";
import { type Container, copy, type PodSpec, type Probe } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import type { Original } from "./status.ts";
import type { Target } from "./target.ts";

export const appPortName = "locum-app";
export const tapPortName = "locum-tap";
export const controlPortName = "locum-control";

export type TakenOver = {
  /** Name of the tap's port: the app's own where it was taken over. */
  tapName: string | undefined;
  originals: Original[];
  notes: Note[];
};

/**
 * Puts the tap into the path without touching a Service: the app's named port gets another name, and the tap its old
 * one. Endpoints are looked up among the app's containers before native sidecars, so the renaming is what counts.
 * Changes `pod`. In watch nothing is taken.
 */
export function takeOver(
  pod: PodSpec,
  target: Target,
  keys: Keys,
  servicePorts: readonly number[],
): TakenOver | Declined {
  const collision = portCollision(pod, target, keys);
  if (collision) return collision;
  if (keys.posture === "watch") return { tapName: undefined, originals: [], notes: [] };
  const notes: Note[] = [];
  if (
    target.grpcPort !== undefined &&
    target.container.ports?.some((port) => port.containerPort === target.grpcPort)
  )
    notes.push({
      code: "grpc_bypasses_tap",
      detail: `port ${target.grpcPort} is not behind the tap; locum.dev/port names the one that is`,
    });
  if (keys["port-takeover"] === "none")
    return {
      tapName: tapPortName,
      originals: [],
      notes: [...notes, { code: "takeover_none", detail: `point a Service at port ${tapPortName}` }],
    };
  const name = target.declared?.name;
  if (typeof name === "string" && name !== "") {
    if (takenNames(pod).has(appPortName))
      return declined("name_collision", `a port is named ${appPortName} already`);
    return { tapName: name, originals: renamePort(target, name), notes };
  }
  if (keys["port-takeover"] === "auto" && servicePorts.includes(target.port))
    return {
      tapName: tapPortName,
      originals: [],
      notes: [...notes, { code: "service_patched", detail: `its Services lead to port ${keys["tap-port"]}` }],
    };
  return declined(
    "numeric_service_port",
    `port ${target.port} of container ${target.container.name} has no name that could be taken over`,
  );
}

function renamePort({ container, declared }: Target, name: string): Original[] {
  if (!declared) return [];
  const number = declared.containerPort;
  declared.name = appPortName;
  return [
    { path: ["containers", container.name, "ports", number, "name"], was: name },
    ...resolveNamed(container, name, number),
  ];
}

/** Probes and hooks that name the port get its number: the name belongs to another container now. */
function resolveNamed(container: Container, name: string, port: number): Original[] {
  const resolve = (handler: Probe | undefined): void => {
    for (const action of [handler?.httpGet, handler?.tcpSocket])
      if (action?.port === name) action.port = port;
  };
  const originals: Original[] = [];
  const fields = ["readinessProbe", "livenessProbe", "startupProbe", "lifecycle"] as const;
  for (const field of fields) {
    const value = container[field];
    if (!value) continue;
    const was = copy(value);
    if (field === "lifecycle") {
      resolve(container.lifecycle?.postStart);
      resolve(container.lifecycle?.preStop);
    } else resolve(value as Probe);
    if (JSON.stringify(was) !== JSON.stringify(value))
      originals.push({ path: ["containers", container.name, field], was });
  }
  return originals;
}

function portCollision(pod: PodSpec, target: Target, keys: Keys): Declined | null {
  const ours = keys.posture === "watch" ? ["control-port"] : ["tap-port", "control-port"];
  for (const key of ours as ("tap-port" | "control-port")[]) {
    const port = keys[key];
    const owner = [...(pod.containers ?? []), ...(pod.initContainers ?? [])].find(({ ports }) =>
      (ports ?? []).some((one) => one.containerPort === port || one.hostPort === port),
    );
    const taken =
      owner?.name ?? ([target.port, target.grpcPort].includes(port) ? target.container.name : null);
    if (taken !== null) return declined("port_collision", `${key} ${port} is taken by container ${taken}`);
  }
  return null;
}

const takenNames = (pod: PodSpec): Set<string | undefined> =>
  new Set((pod.containers ?? []).flatMap(({ ports }) => (ports ?? []).map(({ name }) => name)));
