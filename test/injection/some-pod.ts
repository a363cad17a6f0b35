import { podOf } from "@locum/injection";
import type { Dice } from "@locum/injection/dice";
import { someManifest } from "@locum/injection/some-manifest";

type Obj = Record<string, unknown>;
export type SomePod = { apiVersion: string; kind: string; metadata: Obj; spec: Obj & { containers: Obj[] } };

const maybe = (dice: Dice, share: number, value: () => Obj): Obj => (dice.chance(share) ? value() : {});

/** A pod as a controller makes it and the API server takes it: what recognition, keys and mounts differ by. */
export function somePod(dice: Dice): SomePod {
  const { metadata, spec } = podOf(someManifest(dice)) as SomePod;
  const { annotations, labels, ...rest } = metadata as { annotations?: Obj; labels?: Obj };
  const watch = dice.chance(0.9) ? { "locum.dev/posture": "watch" } : {};
  const prior = dice.chance(0.85)
    ? Object.fromEntries(
        Object.entries(annotations ?? {}).filter(([key]) => key !== "locum.dev/rewrite-probes"),
      )
    : annotations;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...rest,
      ...owner(dice),
      labels: {
        "locum.dev/inject": "enabled",
        ...hash(dice),
        ...maybe(dice, 0.1, () => ({ "serving.kserve.io/inferenceservice": "isvc-a" })),
      },
      ...(dice.chance(0.8) ? { annotations: { ...prior, ...watch, ...someKeys(dice) } } : {}),
    },
    spec: withServers(dice, { ...spec, restartPolicy: dice.chance(0.1) ? "Never" : "Always" }),
  };
  function hash(inner: Dice): Obj {
    return maybe(inner, 0.5, () => ({ "pod-template-hash": "5d9c7b9f44" }));
  }
}

const owner = (dice: Dice): Obj =>
  dice.pick<Obj>([
    {},
    { generateName: "chat-5d9c7b9f44-", name: undefined },
    { ownerReferences: [ownerOf("ReplicaSet", "chat-5d9c7b9f44")] },
    { ownerReferences: [ownerOf("Job", "nightly-28512345")] },
    { ownerReferences: [ownerOf("StatefulSet", "bert")] },
  ]);
const ownerOf = (kind: string, name: string): Obj => ({
  apiVersion: kind === "Job" ? "batch/v1" : "apps/v1",
  kind,
  name,
  uid: "b3c1f0a0-0000-4000-8000-000000000001",
});

const goodKeys: Record<string, string[]> = {
  container: ["server"],
  port: ["8000", "9999"],
  protocol: ["openai", "auto", "oip-v2-grpc"],
  "model-path": ["none", "/models", "/models/", "/mnt/models/x"],
  "snapshot-volume": ["emptyDir", "pvc:snap", "ephemeral:fast"],
  "snapshot-size": ["1Gi", "200Mi"],
  "snapshot-keep": ["1", "100"],
  "on-source-failure": ["fail", "use-snapshot"],
  "on-agent-overload": ["open", "closed"],
  "native-sidecar": ["auto", "always", "never"],
  "cpu-request": ["10m", "0.5", "1"],
  "cpu-limit": ["1500m", "2"],
  "memory-request": ["32Mi", "64Mi"],
  "memory-limit": ["256Mi", "2Gi"],
  group: ["team-a", "a.b"],
  role: ["active", "standby"],
  rev: ["canary"],
  "control-port": ["9472"],
  "tap-port": ["9471"],
};
const badKeys: Record<string, string[]> = {
  container: ["side", "nobody"],
  port: ["8472", "0", "70000", "x"],
  protocol: ["telepathy"],
  "model-path": ["relative"],
  "snapshot-volume": ["pvc:"],
  "snapshot-size": ["1G"],
  "snapshot-keep": ["0", "101"],
  "cpu-limit": ["5m"],
  "memory-request": ["1Gi"],
  group: ["Team"],
  role: ["boss"],
  rev: ["Not Good"],
  "control-port": ["8471", "8000"],
  class: ["exclusive"],
  posture: ["guard"],
  postures: ["watch"],
};

function someKeys(dice: Dice): Obj {
  const keys = (table: Record<string, string[]>, share: number): Obj =>
    Object.fromEntries(
      Object.entries(table)
        .filter(() => dice.chance(share))
        .map(([name, values]) => [`locum.dev/${name}`, dice.pick(values)]),
    );
  return { ...keys(goodKeys, 0.15), ...(dice.chance(0.2) ? keys(badKeys, 0.08) : {}) };
}

const commands: readonly Obj[] = [
  {
    image: "nvcr.io/nvidia/tritonserver:24.08-py3",
    args: ["--http-port", "9000", "--grpc-port=9001", "--model-store", "/models/repo/"],
  },
  {
    image: "own/triton:1",
    command: ["/opt/tritonserver/bin/tritonserver"],
    args: ["--model-repository=relative", "--model-repository=/models"],
  },
  { image: "own/llm:2", command: ["sh", "-c", "exec vllm serve /models/llama --port '8123' ; true"] },
  {
    image: "own/llm:3",
    command: ["python3", "-m", "vllm.entrypoints.openai.api_server"],
    args: ["--model", "meta/llama", "--port=99999"],
  },
  { image: "vllm/vllm-openai:v0.6.3", args: ["--port", "$(PORT)"], env: [{ name: "PORT", value: "8001" }] },
  {
    image: "vllm/vllm-openai:v0.6.3",
    env: [
      { name: "VLLM_PORT", value: "8001" },
      { name: "VLLM_PORT", value: "8002" },
      { name: "HF_HOME", value: "/models/hf" },
    ],
  },
  {
    image: "tensorflow/serving:2.17.0",
    args: ["--rest_api_port=8601", "--port=8600", "--model_base_path=/models/net"],
  },
  { image: "pytorch/torchserve:0.12", args: ["--model-store", "/models"] },
  { image: "ghcr.io/ggml-org/llama.cpp:server", args: ["-m", "/models/net.gguf", "--port", "80"] },
  {
    image: "kserve/sklearnserver:v0.14",
    args: ["--model_dir=/mnt/models"],
    env: [{ name: "PROTOCOL", value: "v2" }],
  },
  { image: "kserve/xgbserver:v0.14", name: "kserve-container" },
  {
    image: "openvino/model_server:2024",
    args: ["--rest_port", "8000", "--port", "8000", "--model_path", "/models/net.onnx"],
  },
  { image: "ollama/ollama:0.3", env: [{ name: "OLLAMA_MODELS", value: "/models" }] },
  { image: "registry/own:1", args: ["serve", "/models/net.onnx"] },
  {
    image: "lmsysorg/sglang:v0.4",
    args: ["python3 -m sglang.launch_server --model-path /models/q --port 30001 # ü"],
  },
];

/** Half of the pods get another server, and mounts of every sort. */
function withServers(dice: Dice, spec: SomePod["spec"]): SomePod["spec"] {
  if (dice.chance(0.5)) return spec;
  const claim = dice.pick(["m", "a-claim-with-a-name-that-is-longer-than-sixty-three-letters-in-all-0.-x"]);
  const volume = dice.pick<Obj>([
    { emptyDir: {} },
    { persistentVolumeClaim: { claimName: claim } },
    { persistentVolumeClaim: { claimName: claim, readOnly: true } },
    { configMap: { name: "c" } },
    { csi: { driver: "x.y", readOnly: true } },
  ]);
  const mount = dice.pick<Obj>([
    { mountPath: "/models" },
    { mountPath: "/models/", subPath: "a/b" },
    { mountPath: "/" },
    { mountPath: "/mnt/models", readOnly: true },
    { mountPath: "/models", subPathExpr: "$(POD)" },
    { mountPath: "/other" },
  ]);
  const server = {
    name: "server",
    ...dice.pick(commands),
    ...maybe(dice, 0.7, () => ({
      ports: dice.pick<Obj[]>([
        [{ containerPort: 8080 }],
        [{ containerPort: 53, protocol: "UDP" }, { containerPort: 8000 }],
        [{ containerPort: 8472 }],
      ]),
    })),
    volumeMounts: [
      { name: "data", ...mount },
      ...(dice.chance(0.3) ? [{ name: "data", mountPath: "/models/repo" }] : []),
    ],
  };
  const others = spec.containers.filter(({ name }) => name !== "server");
  const mounts = (one: Obj): Obj => ({
    ...one,
    volumeMounts: ((one.volumeMounts ?? []) as Obj[]).filter(({ name }) => name !== "models"),
  });
  return {
    ...spec,
    ...maybe(dice, 0.05, () => ({ hostNetwork: true })),
    ...maybe(dice, 0.05, () => ({ os: { name: "windows" } })),
    containers: dice.chance(0.5) ? [server, ...others.map(mounts)] : [...others.map(mounts), server],
    volumes: [{ name: "data", ...volume }],
  };
}
