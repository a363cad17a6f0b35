import type { InjectConfig } from "./config.ts";
import type { Keys } from "./keys.ts";
import type { ModelMount } from "./model-mount.ts";
import type { Target } from "./target.ts";

export const stateMount = "/var/lib/locum";
export const snapshotMount = "/var/lib/locum-snapshots";
export const tokenMount = "/var/run/secrets/locum.dev";
const mounted = { token: `${tokenMount}/token`, ca: `${tokenMount}/ca.crt` };

/**
 * The service file of one injected instance, for the sidecar's LOCUM_SERVICE. It names this instance only: the
 * collector knows the others. `instance` may be a reference that the kubelet resolves, such as $(LOCUM_POD).
 */
export function serviceText({
  group,
  instance,
  target,
  model,
  keys,
  config,
  tapPort = keys["tap-port"],
  host = "0.0.0.0",
  state = stateMount,
  secrets = config.collector?.caConfigMap ? mounted : { token: mounted.token },
}: {
  group: string;
  instance: string;
  target: Pick<Target, "port" | "protocol" | "grpcPort" | "managementPort">;
  model: Pick<ModelMount, "modelDir" | "claim">;
  keys: Keys;
  config: InjectConfig;
  tapPort?: number | undefined;
  host?: string;
  state?: string;
  /** Where the token for the collector is, and its authority where one is given. */
  secrets?: { token: string; ca?: string | undefined };
}): string {
  const { protocol, port, grpcPort, managementPort } = target;
  const { modelDir, claim } = model;
  const volume = claim === undefined ? undefined : `pvc-${claim}`.slice(0, 63).replace(/[^a-z0-9]+$/, "");
  return JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: group,
    class: keys.class,
    posture: keys.posture,
    instances: [
      {
        id: instance,
        url: `http://127.0.0.1:${port}`,
        ...(protocol ? { protocol } : {}),
        ...(grpcPort ? { grpc: `127.0.0.1:${grpcPort}` } : {}),
        ...(managementPort ? { management: `http://127.0.0.1:${managementPort}` } : {}),
        ...(modelDir ? { modelDir } : {}),
        ...(modelDir && volume ? { volume } : {}),
        sidecar: {
          ...(keys.posture === "watch" ? {} : { tap: `${host}:${tapPort}` }),
          control: `${host}:${keys["control-port"]}`,
          stateDir: `${state}/state`,
        },
      },
    ],
    releases: `${state}/releases`,
    ...(config.approvers.length > 0 ? { approvers: config.approvers } : {}),
    // In a cluster another system deploys: bytes that no release owns are its business until a person says otherwise.
    failover: {
      onUnapproved: "hold",
      ...(keys["on-agent-overload"] === "closed" ? { failClosed: true } : {}),
    },
    snapshot: {
      keepDisplaced: keys["snapshot-keep"],
      ...(keys["on-source-failure"] === "use-snapshot"
        ? {
            spareDir: `${snapshotMount}/${group}`,
            onSourceFailure: "use-snapshot",
            schedule: keys["snapshot-schedule"],
          }
        : {}),
    },
    ...(config.collector
      ? {
          collector: {
            url: config.collector.url,
            tokenFile: secrets.token,
            ...(secrets.ca ? { ca: secrets.ca } : {}),
          },
        }
      : {}),
  });
}
