import type { Keys } from "./keys.ts";
import { moveServer } from "./move-server.ts";
import { type Container, copy, type PodSpec, type Probe } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import type { Original } from "./status.ts";
import type { Target } from "./target.ts";

export const appPortName = "locum-app";
export const tapPortName = "locum-tap";
export const controlPortName = "locum-control";

export type TakenOver = {
  /** Null in watch. `name` is the app's own where it was taken over; null where the app declares the number already. */
  tap: { port: number; name: string | null } | null;
  /** Where the server listens. */
  port: number;
  originals: Original[];
  notes: Note[];
};

/**
 * Puts the tap into the path. By name, without touching a Service: the app's named port gets another name, and the tap
 * its old one. Endpoints are looked up among the app's containers before native sidecars, so the renaming is what counts.
 * Else by number: a known server is moved away by its own flag, and the tap listens where it did. Else the Services that
 * are at hand are pointed at the tap. Changes `pod`. In watch nothing is taken.
 */
export function takeOver(
  pod: PodSpec,
  target: Target,
  keys: Keys,
  servicePorts: readonly number[],
): TakenOver | Declined {
  if (keys.posture === "watch")
    return (
      portCollision(pod, target, keys, ["control-port"]) ?? {
        tap: null,
        port: target.port,
        originals: [],
        notes: [],
      }
    );
  const taken = takeTarget(pod, target, keys, servicePorts);
  return "kind" in taken ? taken : { ...taken, notes: [...bypassNotes(target), ...taken.notes] };
}

function takeTarget(
  pod: PodSpec,
  target: Target,
  keys: Keys,
  servicePorts: readonly number[],
): TakenOver | Declined {
  const { port } = target;
  const way = keys["port-takeover"];
  const name = target.declared?.name;
  const isNamed = way !== "none" && typeof name === "string" && name !== "";
  const mayMove = way === "auto" && !isNamed;
  const control = portCollision(pod, target, keys, ["control-port"]);
  if (control) return control;
  const moved = mayMove ? moveServer(pod, target, keys) : { why: "" };
  if ("port" in moved) {
    const tap = { port, name: target.declared ? null : tapPortName };
    return { tap, ...moved };
  }
  const collision = portCollision(pod, target, keys, ["tap-port"]);
  if (collision) return collision;
  const tap = { port: keys["tap-port"], name: tapPortName };
  if (way === "none")
    return {
      tap,
      port,
      originals: [],
      notes: [{ code: "takeover_none", detail: `point a Service at port ${tapPortName}` }],
    };
  if (isNamed)
    return takenNames(pod).has(appPortName)
      ? declined("name_collision", `a port is named ${appPortName} already`)
      : { tap: { ...tap, name }, port, originals: renamePort(target, name), notes: [] };
  if (mayMove && servicePorts.includes(port))
    return {
      tap,
      port,
      originals: [],
      notes: [{ code: "service_patched", detail: `its Services lead to port ${tap.port}` }],
    };
  return declined(
    "numeric_service_port",
    `port ${port} of container ${target.container.name} has no name that could be taken over${moved.why === "" ? "" : `, and ${moved.why}`}`,
  );
}

function bypassNotes({ container, grpcPort }: Target): Note[] {
  return grpcPort !== undefined && container.ports?.some((port) => port.containerPort === grpcPort)
    ? [
        {
          code: "grpc_bypasses_tap",
          detail: `port ${grpcPort} is not behind the tap; locum.dev/port names the one that is`,
        },
      ]
    : [];
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

function portCollision(
  pod: PodSpec,
  target: Target,
  keys: Keys,
  ours: readonly ("tap-port" | "control-port")[],
): Declined | null {
  for (const key of ours) {
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
