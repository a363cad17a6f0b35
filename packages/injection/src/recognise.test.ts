import { expect, test } from "vitest";
import type { Container } from "./pod.ts";
import { recognise } from "./recognise.ts";

type Case = [what: string, container: Partial<Container>, seen: Record<string, unknown> | null];
const env = (values: Record<string, string>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }));
const at = (number: number, said: boolean) => ({ number, said });

const cases: Case[] = [
  [
    "Triton by its image",
    {
      image: "nvcr.io/nvidia/tritonserver:24.08-py3",
      args: ["tritonserver", "--model-store=/m", "--http-port", "9000"],
    },
    {
      server: "triton",
      protocol: "oip-v2-rest",
      port: at(9000, true),
      grpcPort: 8001,
      path: { path: "/m", said: true },
    },
  ],
  [
    "Triton in a line for a shell",
    {
      image: "registry/us:1",
      command: ["sh", "-c", "sleep 1 && exec /opt/tritonserver/bin/tritonserver --model-repository=/r"],
    },
    { server: "triton", port: at(8000, false), path: { path: "/r", said: true } },
  ],
  [
    "MLServer by its environment",
    { image: "seldonio/mlserver:1.6.1", env: env({ MLSERVER_HTTP_PORT: "9001", MLSERVER_MODELS_DIR: "/x" }) },
    { server: "mlserver", port: at(9001, true), path: { path: "/x", said: true } },
  ],
  [
    "vLLM with a port from the environment",
    {
      image: "vllm/vllm-openai",
      args: ["--model", "/data/l", "--port", "$(PORT)"],
      env: env({ PORT: "8123" }),
    },
    { server: "vllm", protocol: "openai", port: at(8123, true), path: { path: "/data/l", said: true } },
  ],
  [
    "vLLM with a model of the hub",
    { image: "vllm/vllm-openai", args: ["--model", "org/model"], env: env({ HF_HOME: "/cache" }) },
    { path: { path: "/cache", said: true } },
  ],
  [
    "TGI",
    { image: "ghcr.io/huggingface/text-generation-inference:2" },
    { server: "tgi", port: at(80, false), path: { path: "/data", said: false } },
  ],
  [
    "SGLang",
    { image: "x", command: ["python3", "-m", "sglang.launch_server", "--model-path=/m"] },
    { server: "sglang", port: at(30_000, false) },
  ],
  [
    "llama.cpp, whose model is a file",
    { image: "x", command: ["/app/llama-server", "-m", "/m/q4.gguf"] },
    { server: "llama.cpp", path: { path: "/m", said: true } },
  ],
  ["Ollama", { image: "ollama/ollama" }, { server: "ollama", port: at(11_434, false) }],
  [
    "TF Serving",
    { image: "tensorflow/serving" },
    { server: "tf-serving", protocol: "kserve-v1", port: at(8501, false), grpcPort: 8500 },
  ],
  [
    "TorchServe",
    { image: "pytorch/torchserve" },
    { server: "torchserve", protocol: "torchserve", managementPort: 8081 },
  ],
  [
    "KServe's own, v2",
    { image: "kserve/sklearnserver", env: env({ PROTOCOL: "v2" }) },
    { server: "kserve", protocol: "oip-v2-rest" },
  ],
  ["KServe's own, protocol unsaid", { image: "kserve/xgbserver" }, { server: "kserve", protocol: undefined }],
  [
    "ONNX behind anything",
    { image: "mine", env: env({ MODEL: "/srv/net/m.onnx" }) },
    { server: "unknown", path: { path: "/srv/net", said: true } },
  ],
  [
    "ONNX behind a flag",
    { image: "mine", args: ["--weights=/srv/a.onnx"] },
    { path: { path: "/srv", said: true } },
  ],
  ["nothing known", { image: "nginx" }, null],
  ["a port that is none", { image: "vllm/x", args: ["--port", "99999"] }, { port: at(8000, false) }],
  [
    "a path that tries to be more",
    { image: "vllm/x", args: ["--model", "/m$(LOCUM_POD)"] },
    { path: { said: false } },
  ],
];

test.each(cases)("%s", (_what, container, seen) => {
  const found = recognise({ name: "c", ...container });
  if (seen === null) expect(found).toBeNull();
  else expect(found).toMatchObject(seen);
});
