import type { Dice } from "./dice.ts";

type Obj = Record<string, unknown>;
const maybe = (dice: Dice, share: number, value: () => Obj): Obj => (dice.chance(share) ? value() : {});

type Server = { image: string; port: number; args?: string[]; env?: Obj[]; path: string };
const servers: readonly Server[] = [
  {
    image: "nvcr.io/nvidia/tritonserver:24.08-py3",
    port: 8000,
    args: ["tritonserver", "--model-repository=/models"],
    path: "/models",
  },
  {
    image: "vllm/vllm-openai:v0.6.3",
    port: 8000,
    args: ["--model", "/models/llama", "--port", "8000"],
    path: "/models",
  },
  {
    image: "docker.io/seldonio/mlserver:1.6.1",
    port: 8080,
    env: [{ name: "MLSERVER_MODELS_DIR", value: "/mnt/models" }],
    path: "/mnt/models",
  },
  {
    image: "tensorflow/serving:2.17.0",
    port: 8501,
    env: [{ name: "MODEL_NAME", value: "resnet" }],
    path: "/models/resnet",
  },
  {
    image: "ghcr.io/huggingface/text-generation-inference:2.3",
    port: 80,
    args: ["--model-id=/data/m"],
    path: "/data",
  },
  {
    image: "own/vllm:1",
    port: 8123,
    args: ["sh", "-c", "exec vllm serve /models/llama --port 8123 --max-model-len 8123"],
    path: "/models",
  },
  {
    image: "ghcr.io/ggml-org/llama.cpp:server",
    port: 8080,
    env: [
      { name: "LLAMA_ARG_MODEL", value: "/models/a.gguf" },
      { name: "LLAMA_ARG_PORT", value: "8080" },
    ],
    path: "/models",
  },
  {
    image: "registry.example/scorer:7",
    port: 9000,
    args: ["./serve", "/srv/net/model.onnx"],
    path: "/srv/net",
  },
];

const texts = [
  "a b",
  "yes",
  "1:30",
  "null",
  "it's",
  '"q"',
  "# no comment",
  "- dash",
  "ü",
  "x: y",
  "",
  " lead",
  "0x1f",
  "{a}",
  "@x",
  "tab\there",
];

/** A workload that may be injected: a server, its neighbours, probes of every form, volumes, and odd texts. */
export function someManifest(dice: Dice): Obj {
  const pod = somePod(dice);
  const labels = {
    app: "m",
    "locum.dev/inject": "enabled",
    ...maybe(dice, 0.3, () => ({ tier: dice.pick(texts.filter((text) => /^[\w.-]*$/.test(text))) })),
  };
  const annotations = {
    ...maybe(dice, 0.6, () => ({ "locum.dev/posture": dice.pick(["tap", "watch"]) })),
    ...maybe(dice, 0.2, () => ({ "locum.dev/rewrite-probes": dice.pick(["all", "none", "readiness"]) })),
    ...maybe(dice, 0.2, () => ({ "locum.dev/native-sidecar": dice.pick(["always", "never"]) })),
    ...maybe(dice, 0.2, () => ({ "locum.dev/snapshot-volume": dice.pick(["pvc:snap", "ephemeral:fast"]) })),
    ...maybe(dice, 0.1, () => ({
      "locum.dev/on-source-failure": "use-snapshot",
      "locum.dev/snapshot-volume": "pvc:snap",
    })),
    ...maybe(dice, 0.3, () => ({ "example.com/note": dice.pick(texts) })),
    ...maybe(dice, 0.1, () => ({ "kubectl.kubernetes.io/default-container": "side" })),
  };
  const metadata = {
    labels,
    ...(Object.keys(annotations).length > 0 || dice.chance(0.3) ? { annotations } : {}),
  };
  const name = `model-${dice.below(1000)}`;
  if (dice.chance(0.25)) return { apiVersion: "v1", kind: "Pod", metadata: { name, ...metadata }, spec: pod };
  if (dice.chance(0.15))
    return {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name },
      spec: {
        schedule: "0 3 * * *",
        jobTemplate: { spec: { template: { metadata, spec: { ...pod, restartPolicy: "Never" } } } },
      },
    };
  const kind = dice.pick(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]);
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: {
      name,
      ...maybe(dice, 0.5, () => ({ annotations: { "example.com/note": dice.pick(texts) } })),
    },
    spec: {
      selector: { matchLabels: { app: "m" } },
      ...(kind === "StatefulSet" ? { serviceName: name } : {}),
      template: { metadata, spec: pod },
    },
  };
}

function somePod(dice: Dice): Obj {
  const server = dice.pick(servers);
  const volumes = [
    { name: "models", ...dice.pick([{ emptyDir: {} }, { persistentVolumeClaim: { claimName: "m" } }]) },
  ];
  const hasVolumes = dice.chance(0.8);
  const app = someServer(dice, server, hasVolumes);
  const others = dice.chance(0.3) ? [{ name: "side", image: "busybox", args: [dice.pick(texts)] }] : [];
  const mesh = dice.chance(0.2) ? [{ name: "istio-proxy", image: "istio/proxyv2" }] : [];
  const containers = [...mesh, app, ...others];
  return {
    ...maybe(dice, 0.3, () => ({ initContainers: someInits(dice) })),
    ...maybe(dice, 0.3, () => ({ nodeSelector: { "kubernetes.io/os": "linux" } })),
    containers: dice.chance(0.5) ? containers : [...mesh, ...others, app],
    ...(hasVolumes ? { volumes } : dice.chance(0.2) ? { volumes: [] } : {}),
    ...maybe(dice, 0.3, () => ({ terminationGracePeriodSeconds: 30 })),
  };
}

const someInits = (dice: Dice): Obj[] =>
  dice.pick([
    [],
    [{ name: "fetch", image: "curl", command: ["sh", "-c", "curl -o /models/x https://m\nls\n"] }],
    [{ name: "istio-proxy", image: "istio/proxyv2", restartPolicy: "Always" }],
    [
      { name: "istio-init", image: "istio/proxyv2" },
      { name: "fetch", image: "curl" },
    ],
  ]);

function someServer(dice: Dice, { image, port, args, env, path }: Server, hasVolumes: boolean): Obj {
  const name = "server";
  // A port without a name is taken by its number, where the server can be moved.
  const isNamed = dice.chance(0.7);
  const portRef = isNamed ? dice.pick(["http", port]) : port;
  const probe = (): Obj => ({
    ...dice.pick<Obj>([
      { httpGet: { path: "/v2/health/ready", port: portRef } },
      {
        httpGet: {
          path: "/h",
          port,
          scheme: "HTTPS",
          httpHeaders: [{ name: "X-A", value: dice.pick(texts) }],
        },
      },
      { tcpSocket: { port: portRef } },
      { grpc: { port: 8001 } },
      { exec: { command: ["true"] } },
    ]),
    ...maybe(dice, 0.5, () => ({ timeoutSeconds: 3, periodSeconds: 7 })),
  });
  const shared = probe();
  return {
    name,
    image,
    ...(args ? { args } : {}),
    ...(env ? { env } : {}),
    ports: [
      isNamed ? { name: "http", containerPort: port } : { containerPort: port },
      ...(dice.chance(0.4) ? [{ name: "grpc", containerPort: 8001, protocol: "TCP" }] : []),
      ...(dice.chance(0.2) ? [{ name: "quic", containerPort: port, protocol: "UDP" }] : []),
    ],
    ...maybe(dice, 0.6, () => ({ readinessProbe: shared })),
    ...maybe(dice, 0.4, () => ({ livenessProbe: dice.chance(0.5) ? shared : probe() })),
    ...maybe(dice, 0.2, () => ({ startupProbe: probe() })),
    ...maybe(dice, 0.1, () => ({ lifecycle: { preStop: { httpGet: { path: "/stop", port: portRef } } } })),
    ...(hasVolumes ? { volumeMounts: [{ name: "models", mountPath: path }] } : {}),
  };
}
