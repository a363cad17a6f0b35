import { join } from "node:path";
import { Address, Fault, type Instance, type ServiceConfig, splitAddress } from "@locum/contracts";
import { parseFlags } from "@locum/runtime";

export type SidecarFlags = {
  config: string | undefined;
  instance: string | undefined;
  collector: string | undefined;
  "token-file": string | undefined;
  tap: string | undefined;
  control: string | undefined;
  agent: string | undefined;
  "state-dir": string | undefined;
  "source-down": boolean;
};

/** One instance's slice of a service, with everything that the flags say put in its place. */
export type SidecarConfig = {
  service: ServiceConfig;
  instance: Instance;
  stateDir: string;
  /** Null where the sidecar runs by itself for good. */
  collector: { url: string; tokenFile: string; ca: string | undefined } | null;
  /** `tap` is null in watch posture: the sidecar is not in the path. */
  listen: { tap: string | null; control: string; agent: string; files: string | null };
  /** Of the instances that share a volume one copies and restores it: the first in the file. */
  keepsVolume: boolean;
};

/** @throws Fault usage */
export function readFlags(argv: readonly string[]): SidecarFlags {
  const text = (about: string) => ({ kind: "text", about }) as const;
  return parseFlags(argv, {
    config: text("service file; LOCUM_SERVICE holds its text if absent"),
    instance: text("which instance of the file; needed where it has several"),
    collector: text("URL of the collector"),
    "token-file": text("file with the sidecar's token"),
    tap: text("host:port of the data path"),
    control: text("host:port of /status, /readyz, /livez, /metrics"),
    agent: text("host:port of the HAProxy agent-check"),
    "state-dir": text("folder of the spool, the journal and the identity"),
    "source-down": {
      kind: "switch",
      about:
        "the model's source is away: fill its folder from a kept copy, a peer or the repository at this start",
    },
  }).flags;
}

/** @throws Fault usage | not-found */
export function sidecarConfig(service: ServiceConfig, flags: SidecarFlags): SidecarConfig {
  const instance = instanceOf(service, flags.instance);
  const { sidecar, volume, restart } = instance;
  const stateDir = flags["state-dir"] ?? sidecar.stateDir ?? `.locum/${service.service}-${instance.id}`;
  const keeper = service.instances.find((other) => other.volume !== undefined && other.volume === volume);
  return {
    service: flags["source-down"]
      ? { ...service, snapshot: { ...service.snapshot, onSourceFailure: "use-snapshot" } }
      : service,
    // A child writes its own: drills and the process rung find it there.
    instance:
      restart && "child" in restart && instance.pidFile === undefined
        ? { ...instance, pidFile: join(stateDir, "model-server.pid") }
        : instance,
    stateDir,
    collector: collectorOf(service, flags),
    listen: {
      tap: service.posture === "tap" ? address("tap", flags.tap ?? sidecar.tap) : null,
      control: address("control", flags.control ?? sidecar.control),
      agent: address("agent", flags.agent ?? sidecar.agent),
      files: service.snapshot.peers && instance.modelDir !== undefined ? (sidecar.files ?? null) : null,
    },
    keepsVolume: keeper === undefined || keeper.id === instance.id,
  };
}

function instanceOf({ service, instances }: ServiceConfig, id: string | undefined): Instance {
  const [only] = instances;
  if (id === undefined && instances.length === 1 && only) return only;
  const known = instances.map((instance) => instance.id).join(", ");
  if (id === undefined) throw new Fault("usage", `expected --instance, one of ${known}`);
  const found = instances.find((instance) => instance.id === id);
  if (!found) throw new Fault("not-found", `${service} has no instance ${id}; it has ${known}`);
  return found;
}

function collectorOf({ collector }: ServiceConfig, flags: SidecarFlags): SidecarConfig["collector"] {
  const { port } = splitAddress(collector.listen);
  const scheme = collector.tls ? "https" : "http";
  const url = flags.collector ?? collector.url ?? (port > 0 ? `${scheme}://${collector.listen}` : undefined);
  if (url === undefined) return null;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Fault("usage", `--collector ${url}: expected an http or https URL`);
  return { url, tokenFile: flags["token-file"] ?? collector.tokenFile, ca: collector.ca };
}

function address(flag: string, text: string): string {
  if (!Address.safeParse(text).success) throw new Fault("usage", `--${flag} ${text}: expected host:port`);
  return text;
}
