import type { Protocol } from "@locum/contracts";
import type { Keys } from "./keys.ts";
import type { Container, Meta, PodSpec, Port } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import { type Recognised, recognise } from "./recognise.ts";

/** The model server inside a pod: which container, where it answers, what it speaks. */
export type Target = {
  container: Container;
  server: string;
  port: number;
  /** The declared port, where it is declared. */
  declared: Port | undefined;
  protocol: Protocol | undefined;
  grpcPort: number | undefined;
  managementPort: number | undefined;
  /** Where the server listens by what is known of it, whichever of them is the target. */
  serverPorts: { http: number | undefined; grpc: number | undefined };
  path: { path: string; said: boolean } | undefined;
  notes: Note[];
};

export const meshSidecars: ReadonlySet<string> = new Set([
  "istio-proxy",
  "linkerd-proxy",
  "linkerd-network-validator",
  "consul-dataplane",
  "kuma-sidecar",
  "queue-proxy",
]);

/** Containers that prepare a mesh before anything can talk: the sidecar comes after them. */
export const meshInits: ReadonlySet<string> = new Set([
  ...meshSidecars,
  "istio-init",
  "istio-validation",
  "linkerd-init",
  "kuma-init",
  "consul-connect-inject-init",
]);

export function findTarget(pod: PodSpec, meta: Meta, keys: Keys): Target | Declined {
  const all = pod.containers ?? [];
  if (all.length === 0) return declined("no_containers", "spec.containers is empty");
  const chosen = chooseContainer(all, meta, keys);
  if ("kind" in chosen) return chosen;
  const { container, known } = chosen;
  const port = choosePort(container, known, keys);
  if (port === undefined)
    return declined(
      "no_port",
      `container ${container.name} declares no TCP port, and its server is not known`,
    );
  const notes: Note[] = [];
  if (!known || known.server === "unknown")
    notes.push({
      code: "server_unknown",
      detail: `the server of container ${container.name} is not known; its protocol is asked at the start`,
    });
  return {
    container,
    server: known?.server ?? "unknown",
    port,
    declared: (container.ports ?? []).find((one) => one.containerPort === port && isTcp(one)),
    protocol: keys.protocol === "auto" ? known?.protocol : keys.protocol,
    grpcPort: known?.grpcPort === port ? undefined : known?.grpcPort,
    managementPort: known?.managementPort,
    serverPorts: { http: known?.port?.number, grpc: known?.grpcPort },
    path: pathOf(container, known, keys),
    notes,
  };
}

type Chosen = { container: Container; known: Recognised | null };

function chooseContainer(all: readonly Container[], meta: Meta, keys: Keys): Chosen | Declined {
  const named = (name: string | undefined) => all.find((container) => container.name === name);
  const withKnown = (container: Container): Chosen => ({ container, known: recognise(container) });
  if (keys.container !== undefined) {
    const container = named(keys.container);
    return container
      ? withKnown(container)
      : declined(
          "no_such_container",
          `there is no container ${keys.container}; there are ${all.map(({ name }) => name).join(", ")}`,
        );
  }
  const apps = all.filter(({ name }) => !meshSidecars.has(name));
  const recognised = apps.map(withKnown).filter(({ known }) => known !== null);
  const best =
    recognised.find(({ known }) => known?.server !== "unknown") ??
    recognised[0] ??
    [named("kserve-container"), named(meta.annotations?.["kubectl.kubernetes.io/default-container"]), apps[0]]
      .filter((container) => container !== undefined)
      .map(withKnown)[0];
  return best ?? declined("no_containers", "every container is a mesh sidecar");
}

/** What a person says; what an argument says; the server's own where it is declared; the first declared; the server's own. */
function choosePort(container: Container, known: Recognised | null, keys: Keys): number | undefined {
  if (keys.port !== undefined) return keys.port;
  if (known?.port?.said) return known.port.number;
  const ports = (container.ports ?? []).filter(isTcp).map(({ containerPort }) => containerPort);
  if (known?.port && ports.includes(known.port.number)) return known.port.number;
  return ports[0] ?? known?.port?.number;
}

const isTcp = ({ protocol }: Port): boolean => (protocol ?? "TCP") === "TCP";

function pathOf(container: Container, known: Recognised | null, keys: Keys): Target["path"] {
  const key = keys["model-path"];
  if (key !== undefined) return key === "none" ? undefined : { path: key, said: true };
  if (known?.path?.said) return known.path;
  const mounts = container.volumeMounts ?? [];
  const isKserve = container.name === "kserve-container" || mounts.some(isKserveMount);
  return isKserve ? { path: "/mnt/models", said: true } : known?.path;
}

const isKserveMount = ({ mountPath }: { mountPath: string }): boolean =>
  mountPath.replace(/\/+$/, "") === "/mnt/models";
