import type { InjectConfig } from "./config.ts";
import type { Keys } from "./keys.ts";
import type { ModelMount } from "./model-mount.ts";
import type { Container, Volume } from "./pod.ts";
import type { AskedProbes } from "./rewrite-probes.ts";
import { serviceText, snapshotMount, stateMount, tokenMount } from "./service-text.ts";
import { containerName } from "./strip.ts";
import { controlPortName, type TakenOver } from "./take-over.ts";
import type { Target } from "./target.ts";

export type Sidecar = { container: Container; volumes: Volume[] };

/** The container and its volumes, as the restricted Pod Security standard wants them. */
export function buildSidecar({
  group,
  target,
  model,
  asked,
  tap,
  native,
  keys,
  config,
}: {
  group: string;
  target: Target;
  model: ModelMount;
  asked: AskedProbes;
  tap: TakenOver["tap"];
  native: boolean;
  keys: Keys;
  config: InjectConfig;
}): Sidecar {
  const volumes = buildVolumes(keys, config);
  const role = keys.role ?? (keys.class === "exclusive" ? "standby" : "active");
  return {
    volumes,
    container: {
      name: containerName,
      image: config.image,
      ...(config.imagePullPolicy ? { imagePullPolicy: config.imagePullPolicy } : {}),
      ...(native ? { restartPolicy: "Always" } : {}),
      env: [
        { name: "LOCUM_POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        { name: "LOCUM_ADDRESS", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        {
          name: "LOCUM_SERVICE",
          value: serviceText({
            group,
            instance: "$(LOCUM_POD)",
            target,
            model,
            keys,
            config,
            tapPort: tap?.port,
          }),
        },
        ...(role === "active" ? [] : [{ name: "LOCUM_ROLE", value: role }]),
        ...(Object.keys(asked).length === 0
          ? []
          : // The kubelet resolves $(NAME) in values; what came from the pod stays as it is.
            [{ name: "LOCUM_PROBES", value: JSON.stringify(asked).replaceAll("$", "$$$$") }]),
      ],
      ports: [
        // A number that the app declares already is not declared twice: the API server warns of that.
        ...(tap?.name == null ? [] : [{ name: tap.name, containerPort: tap.port, protocol: "TCP" }]),
        { name: controlPortName, containerPort: keys["control-port"], protocol: "TCP" },
      ],
      resources: resourcesOf(keys),
      securityContext: {
        runAsUser: 65_532,
        runAsGroup: 65_532,
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      },
      startupProbe: {
        httpGet: { path: "/livez", port: keys["control-port"] },
        periodSeconds: 1,
        failureThreshold: startSeconds(keys),
      },
      ...lifecycleOf(native, tap !== null, keys, config),
      volumeMounts: [
        { name: "locum-state", mountPath: stateMount },
        { name: "locum-snapshots", mountPath: snapshotMount },
        withoutApiToken,
        ...(config.collector ? [{ name: "locum-token", mountPath: tokenMount, readOnly: true }] : []),
        ...(model.mount ? [model.mount] : []),
      ],
    },
  };
}

/**
 * An empty folder where the API server would mount the pod's own token: the sidecar has no use for it. And as nothing
 * is then changed behind the webhook, it is not asked a second time, which would double what it costs a pod.
 */
const withoutApiToken = {
  name: "locum-state",
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  subPath: "no-token",
  readOnly: true,
};

/** A model of several hundred gigabytes is filled within an hour; else only the sidecar itself is waited for. */
const startSeconds = (keys: Keys): number => (keys["on-source-failure"] === "use-snapshot" ? 3600 : 120);

/** Requests always, so that an autoscaler can count; no CPU limit unless somebody asks for one. */
function resourcesOf(keys: Keys): Record<string, unknown> {
  const cpuLimit = keys["cpu-limit"];
  return {
    requests: { cpu: keys["cpu-request"], memory: keys["memory-request"] },
    limits: { ...(cpuLimit === undefined ? {} : { cpu: cpuLimit }), memory: keys["memory-limit"] },
  };
}

/**
 * An ordinary container starts before those after it only while its postStart hook runs: the hook waits for our own
 * health, and gives up after a while, since a model without a sidecar is better than none. The preStop hook keeps the
 * tap open until every client has learnt that the pod goes.
 */
function lifecycleOf(
  native: boolean,
  inPath: boolean,
  keys: Keys,
  config: InjectConfig,
): Record<string, unknown> {
  const { drainSeconds } = config;
  const drain = native
    ? { sleep: { seconds: drainSeconds } }
    : { exec: { command: ["node", "-e", `setTimeout(()=>{},${drainSeconds * 1000})`] } };
  const hooks = {
    ...(native ? {} : { postStart: { exec: { command: ["node", "-e", waitScript(keys)] } } }),
    ...(inPath && drainSeconds > 0 ? { preStop: drain } : {}),
  };
  return Object.keys(hooks).length === 0 ? {} : { lifecycle: hooks };
}

const waitScript = (keys: Keys): string =>
  `const end=Date.now()+${keys["on-source-failure"] === "use-snapshot" ? startSeconds(keys) * 1000 : 30_000};const ask=()=>require("http").get("http://127.0.0.1:${keys["control-port"]}/livez",()=>process.exit(0)).on("error",()=>Date.now()>end?process.exit(0):setTimeout(ask,100));ask()`;

function buildVolumes(keys: Keys, { collector }: InjectConfig): Volume[] {
  const size = keys["snapshot-size"];
  const [kind, name = ""] = keys["snapshot-volume"].split(":");
  const snapshots =
    kind === "pvc"
      ? { persistentVolumeClaim: { claimName: name } }
      : kind === "ephemeral"
        ? {
            ephemeral: {
              volumeClaimTemplate: {
                spec: {
                  accessModes: ["ReadWriteOnce"],
                  storageClassName: name,
                  resources: { requests: { storage: size } },
                },
              },
            },
          }
        : { emptyDir: { sizeLimit: size } };
  return [
    { name: "locum-state", emptyDir: {} },
    { name: "locum-snapshots", ...snapshots },
    ...(collector ? [{ name: "locum-token", projected: projectedToken(collector) }] : []),
  ];
}

const projectedToken = ({
  audience,
  tokenSeconds,
  caConfigMap,
}: NonNullable<InjectConfig["collector"]>): Record<string, unknown> => ({
  defaultMode: 0o444,
  sources: [
    { serviceAccountToken: { audience, expirationSeconds: tokenSeconds, path: "token" } },
    ...(caConfigMap
      ? [{ configMap: { name: caConfigMap, items: [{ key: "ca.crt", path: "ca.crt" }], optional: true } }]
      : []),
  ],
});
