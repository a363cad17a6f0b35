import { Name } from "@locum/contracts";
import type { InjectConfig } from "./config.ts";
import type { TargetView } from "./inject.ts";
import { type Keys, label, readKeys, statusKey } from "./keys.ts";
import { modelMount } from "./model-mount.ts";
import type { Container, PodSpec } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import { serviceText, stateMount, tokenMount } from "./service-text.ts";
import { refuseOutsidePods } from "./source-notes.ts";
import { readStatus, type Status, specHash } from "./status.ts";
import { findTarget, type Target } from "./target.ts";

type Obj = Record<string, unknown>;
export type ComposeResult = {
  object: Obj;
  services: (
    | { name: string; outcome: "injected"; notes: Note[]; target: TargetView }
    | { name: string; outcome: "declined"; reason: Declined["reason"]; detail: string }
  )[];
};

/** A Compose file: it has services, and is no object of Kubernetes. */
export const isCompose = (object: unknown): boolean =>
  isObj(object) && isObj(object.services) && object.apiVersion === undefined && object.kind === undefined;

/**
 * Every service labelled `locum.dev/inject: enabled` gets a sidecar service in its own network, with its volumes; the
 * keys are labels here. In tap a published port leads to the tap.
 */
export function injectCompose(file: Obj, config: InjectConfig): ComposeResult {
  const bare = stripCompose(file);
  const services = { ...(bare.services as Obj) };
  const results: ComposeResult["services"] = [];
  for (const [name, service] of Object.entries(bare.services as Obj)) {
    const labels = isObj(service) ? entriesOf(service.labels) : {};
    if (!isObj(service) || labels[label] === undefined) continue;
    const made = sidecarOf(name, service, { labels, config, taken: Object.keys(services) });
    if ("kind" in made) {
      results.push({ name, outcome: "declined", reason: made.reason, detail: made.detail });
      continue;
    }
    services[name] = made.service;
    services[made.sidecarName] = made.sidecar;
    results.push({ name, outcome: "injected", notes: made.notes, target: made.target });
  }
  const isInjected = results.some(({ outcome }) => outcome === "injected");
  return { object: isInjected ? { ...bare, services } : file, services: results };
}

/** The file without our services, and with the ports as they were. */
export function stripCompose(file: Obj): Obj {
  const services = { ...(file.services as Obj) };
  let isInjected = false;
  for (const [name, service] of Object.entries(services)) {
    const labels = isObj(service) ? entriesOf(service.labels) : {};
    const status = readStatus({ annotations: labels });
    if (status === null || status === "unreadable" || !name.endsWith("-locum")) continue;
    isInjected = true;
    delete services[name];
    for (const { path, was } of status.originals) {
      const [, owner, , index] = path;
      const target = services[String(owner)];
      if (!isObj(target) || !Array.isArray(target.ports)) continue;
      services[String(owner)] = {
        ...target,
        ports: target.ports.map((port, at) => (at === index ? was : port)),
      };
    }
  }
  if (!isInjected) return file;
  const { "x-locum": _source, ...rest } = file;
  return { ...rest, services };
}

type Sidecar = {
  service: Obj;
  sidecarName: string;
  sidecar: Obj;
  notes: Note[];
  target: TargetView;
};

function sidecarOf(
  name: string,
  service: Obj,
  { labels, config, taken }: { labels: Record<string, string>; config: InjectConfig; taken: string[] },
): Sidecar | Declined {
  const unwanted = unwantedBy(name, service, labels, taken);
  if (unwanted) return unwanted;
  const { [label]: _label, ...annotations } = labels;
  const keys = readKeys({ annotations }, config.defaults);
  if ("kind" in keys) return keys;
  const outside = refuseOutsidePods(keys);
  if (outside) return outside;
  const pod = podOf(name, service);
  const target = findTarget(pod, {}, keys);
  if ("kind" in target) return target;
  const collision = [keys["tap-port"], keys["control-port"]].find((port) => port === target.port);
  if (collision !== undefined)
    return declined("port_collision", `the model itself listens on port ${collision}`);
  const model = modelMount(pod, target);
  const ports = keys.posture === "watch" ? null : takePorts(name, service, target.port, keys["tap-port"]);
  const group = keys.group ?? name.toLowerCase();
  if (!Name.safeParse(group).success)
    return declined("bad_value", `${group} can name no service: set locum.dev/group`);
  const volumes = (service.volumes as unknown[] | undefined) ?? [];
  const mount =
    model.mount && volumes.find((volume) => mountOf(volume)?.mountPath === model.mount?.mountPath);
  // A ConfigMap of a cluster is no file here: the collector's authority is one that the image trusts.
  const secrets = { token: `${tokenMount}/token` };
  const text = serviceText({ group, instance: group, target, model, keys, config, secrets });
  const sidecar = {
    image: config.image,
    network_mode: `service:${name}`,
    user: "65532:65532",
    read_only: true,
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
    mem_limit: keys["memory-limit"].replace(/i$/, "").toLowerCase(),
    restart: "unless-stopped",
    environment: { LOCUM_SERVICE: text.replaceAll("$", "$$$$") },
    volumes: [stateMount, ...(mount === undefined ? [] : [mount]), ...tokenOf(config)],
    healthcheck: {
      test: ["CMD", "node", "-e", healthScript(keys["control-port"])],
      interval: "5s",
      retries: 3,
    },
  };
  const status = {
    v: 1,
    version: config.version,
    rev: keys.rev,
    spec: specHash(sidecar),
    added: { containers: [], volumes: [], annotations: [], labels: [] },
    originals: ports?.originals ?? [],
    made: {},
  } satisfies Status;
  return {
    service: ports && ports.originals.length > 0 ? { ...service, ports: ports.ports } : service,
    sidecarName: `${name}-locum`,
    sidecar: { ...sidecar, labels: { [statusKey]: JSON.stringify(status).replaceAll("$", "$$$$") } },
    notes: [...target.notes, ...model.notes, ...(ports?.notes ?? [])],
    target: viewOf(target, model.modelDir, keys),
  };
}

const viewOf = (target: Target, modelDir: string | undefined, keys: Keys): TargetView => ({
  server: target.server,
  port: target.port,
  protocol: target.protocol,
  container: target.container.name,
  modelDir,
  native: false,
  tapPort: keys.posture === "watch" ? null : keys["tap-port"],
});

function unwantedBy(
  name: string,
  service: Obj,
  labels: Record<string, string>,
  taken: string[],
): Declined | null {
  const word = labels[label];
  if (word === "disabled") return declined("label_disabled", `service ${name} says so`);
  if (word !== "enabled")
    return declined(
      "bad_value",
      `label ${label}: expected enabled or disabled, found ${JSON.stringify(word)}`,
    );
  if (service.network_mode === "host")
    return declined("host_network", `service ${name} is in the host's network`);
  return taken.includes(`${name}-locum`)
    ? declined("name_collision", `there is a service ${name}-locum already`)
    : null;
}

const tokenOf = ({ collector }: InjectConfig): string[] =>
  collector ? [`./.locum/tokens.json:${tokenMount}/token:ro`] : [];

const healthScript = (port: number): string =>
  `require("http").get("http://127.0.0.1:${port}/livez",(r)=>process.exit(r.statusCode===200?0:1)).on("error",()=>process.exit(1))`;

function podOf(name: string, service: Obj): PodSpec {
  const words = (value: unknown): string[] =>
    typeof value === "string"
      ? [value]
      : Array.isArray(value)
        ? value.filter((one) => typeof one === "string")
        : [];
  const mounts = (Array.isArray(service.volumes) ? service.volumes : []).flatMap((one) => mountOf(one) ?? []);
  const container: Container = {
    name,
    image: typeof service.image === "string" ? service.image : undefined,
    command: words(service.entrypoint),
    args: words(service.command),
    env: Object.entries(entriesOf(service.environment)).map(([key, value]) => ({ name: key, value })),
    ports: portsOf(service).map((containerPort) => ({ containerPort })),
    volumeMounts: mounts.map(({ name: source, mountPath }) => ({ name: source, mountPath })),
  };
  return {
    containers: [container],
    volumes: mounts.map(({ name: source, readOnly }) => ({ name: source, hostPath: { readOnly } })),
  };
}

function mountOf(volume: unknown): { name: string; mountPath: string; readOnly: boolean } | null {
  if (typeof volume === "string") {
    const [source, path, mode] = volume.split(":");
    return source && path?.startsWith("/")
      ? { name: source, mountPath: path, readOnly: mode?.split(",").includes("ro") ?? false }
      : null;
  }
  if (!isObj(volume) || typeof volume.target !== "string") return null;
  return { name: String(volume.source ?? ""), mountPath: volume.target, readOnly: volume.read_only === true };
}

const shortPort = /^(?:((?:[\d.]+|\[[0-9a-fA-F:]+\]):)?(\d{0,5}):)?(\d{1,5})(\/tcp)?$/;

function portsOf({ ports, expose }: Obj): number[] {
  const listed = [...(Array.isArray(ports) ? ports : []), ...(Array.isArray(expose) ? expose : [])];
  return listed.flatMap((port) => targetOf(port) ?? []);
}

function targetOf(port: unknown): number | null {
  if (isObj(port))
    return typeof port.target === "number" && (port.protocol ?? "tcp") === "tcp" ? port.target : null;
  const found = shortPort.exec(String(port))?.[3];
  return found === undefined ? null : Number(found);
}

/** Published ports of the model lead to the tap, which is in the same network. */
function takePorts(
  name: string,
  service: Obj,
  port: number,
  tap: number,
): { ports: unknown; originals: Status["originals"]; notes: Note[] } {
  const originals: Status["originals"] = [];
  const ports = Array.isArray(service.ports)
    ? service.ports.map((one, index) => {
        if (targetOf(one) !== port) return one;
        originals.push({ path: ["services", name, "ports", index], was: one });
        if (isObj(one)) return { ...one, target: tap };
        const text = String(one);
        return text.includes(":")
          ? text.replace(/\d+(\/tcp)?$/, `${tap}$1`)
          : `${text.replace("/tcp", "")}:${tap}`;
      })
    : service.ports;
  const inside: Note = { code: "takeover_none", detail: `other services reach the tap at ${name}:${tap}` };
  return { ports, originals, notes: [inside] };
}

/** Labels and environment come as a mapping or as a list of `NAME=value`. */
function entriesOf(value: unknown): Record<string, string> {
  if (Array.isArray(value))
    return Object.fromEntries(
      value.map(String).map((text) => {
        const at = text.indexOf("=");
        return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
      }),
    );
  return isObj(value)
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one ?? "")]))
    : {};
}

const isObj = (value: unknown): value is Obj =>
  typeof value === "object" && value !== null && !Array.isArray(value);
