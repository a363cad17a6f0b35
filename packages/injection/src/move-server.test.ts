import { describe, expect, test } from "vitest";
import { injectConfig } from "./config.ts";
import { inject } from "./inject.ts";
import type { Container, PodSpec } from "./pod.ts";
import { strip } from "./strip.ts";

const config = injectConfig({ kubeletMin: "1.34" });
const meta = (annotations: Record<string, string> = {}) => ({
  name: "m-0",
  labels: { "locum.dev/inject": "enabled" },
  annotations: { "locum.dev/posture": "tap", ...annotations },
});
const podWith = (container: Partial<Container>, others: Container[] = []): PodSpec => ({
  containers: [{ name: "server", ...container }, ...others],
});
const run = (pod: PodSpec, annotations: Record<string, string> = {}) =>
  inject({ pod, meta: meta(annotations), config });

function moved(pod: PodSpec, annotations: Record<string, string> = {}) {
  const result = run(pod, annotations);
  if (result.kind === "declined") throw new Error(`${result.reason}: ${result.detail}`);
  const app = result.pod.containers?.find(({ name }) => name === "server");
  const sidecar = result.pod.initContainers?.find(({ name }) => name === "locum-sidecar");
  const text = sidecar?.env?.find(({ name }) => name === "LOCUM_SERVICE")?.value ?? "{}";
  expect(strip(result.pod, result.meta).pod).toEqual(pod);
  expect(inject({ pod: result.pod, meta: result.meta, config })).toMatchObject({
    pod: result.pod,
    meta: result.meta,
  });
  const [instance] = JSON.parse(text).instances;
  return { ...result, app, sidecar, instance };
}

const triton = "nvcr.io/nvidia/tritonserver:24.08-py3";
type Case = [string, Partial<Container>, number, Partial<Container>, Record<string, string>?];
const cases: Case[] = [
  [
    "triton, by a flag at the end",
    { image: triton, args: ["tritonserver", "--model-repository=/m"] },
    8000,
    { args: ["tritonserver", "--model-repository=/m", "--http-port=8474"] },
  ],
  [
    "triton, by its flag and number",
    { image: triton, command: ["/opt/tritonserver/bin/tritonserver", "--http-port", "9000"] },
    9000,
    { command: ["/opt/tritonserver/bin/tritonserver", "--http-port", "8474"] },
  ],
  [
    "triton, its gRPC port",
    { image: triton, args: ["tritonserver", "--grpc-port=9001"] },
    9001,
    { args: ["tritonserver", "--grpc-port=8474"] },
    { "locum.dev/port": "9001", "locum.dev/protocol": "oip-v2-grpc" },
  ],
  [
    "vLLM, in a line for a shell",
    {
      image: "vllm/vllm-openai:v0.9",
      command: ["/bin/sh", "-c"],
      args: ["exec vllm serve m --port 8001; true"],
    },
    8001,
    { args: ["exec vllm serve m --port 8474; true"] },
  ],
  [
    "vLLM, flags for the image's program",
    { image: "vllm/vllm-openai:v0.9", args: ["--model", "m"] },
    8000,
    { args: ["--model", "m", "--port=8474"] },
  ],
  [
    "SGLang, as a module",
    { image: "own:1", command: ["python3", "-m", "sglang.launch_server", "--model-path", "/m"] },
    30_000,
    { args: ["--port=8474"] },
  ],
  [
    "llama.cpp, by a variable that is added",
    {
      image: "ghcr.io/ggml-org/llama.cpp:server",
      args: ["-m", "/m/x.gguf"],
      env: [{ name: "A", value: "1" }],
    },
    8080,
    {
      env: [
        { name: "A", value: "1" },
        { name: "LLAMA_ARG_PORT", value: "8474" },
      ],
    },
  ],
  [
    "TGI, by a variable that is there",
    { image: "ghcr.io/huggingface/text-generation-inference:3", env: [{ name: "PORT", value: "8080" }] },
    8080,
    { env: [{ name: "PORT", value: "8474" }] },
  ],
  [
    "TF Serving, without arguments of its own",
    { image: "tensorflow/serving:2.17.0" },
    8501,
    { args: ["--rest_api_port=8474"] },
  ],
  [
    "TF Serving, its gRPC port",
    { image: "tensorflow/serving:2.17.0", args: ["--port=8500"] },
    8500,
    { args: ["--port=8474"] },
    { "locum.dev/port": "8500" },
  ],
  [
    "MLServer, by a variable in a list that is made",
    { image: "seldonio/mlserver:1.6.1" },
    8080,
    { env: [{ name: "MLSERVER_HTTP_PORT", value: "8474" }] },
  ],
  [
    "MLServer, its gRPC port",
    { image: "seldonio/mlserver:1.6.1", env: [{ name: "MLSERVER_GRPC_PORT", value: "9500" }] },
    9500,
    { env: [{ name: "MLSERVER_GRPC_PORT", value: "8474" }] },
    { "locum.dev/port": "9500" },
  ],
  [
    "KServe's own",
    { image: "kserve/sklearnserver:v0.15", args: ["--model_dir=/mnt/models", "--http_port=8085"] },
    8085,
    { args: ["--model_dir=/mnt/models", "--http_port=8474"] },
  ],
];

describe("a server whose port has no name is moved, and the tap takes its number", () => {
  test.each(cases)("%s", (_what, container, port, wanted, keys) => {
    const pod = podWith({ ...container, ports: [{ containerPort: port }] });
    const { app, sidecar, instance, target, notes } = moved(pod, keys);
    expect(app).toMatchObject(wanted);
    expect(app?.ports).toEqual([{ containerPort: port }]);
    expect(sidecar?.ports).toEqual([{ name: "locum-control", containerPort: 8472, protocol: "TCP" }]);
    expect(instance).toMatchObject({
      url: "http://127.0.0.1:8474",
      sidecar: { tap: `0.0.0.0:${port}` },
    });
    expect(target).toMatchObject({ port: 8474, tapPort: port });
    expect(notes).toContainEqual(expect.objectContaining({ code: "port_moved" }));
  });

  test("lists that are empty or null come back as they were", () => {
    for (const list of [[], null])
      moved(
        podWith({ image: "seldonio/mlserver:1.6.1", env: list as never, ports: [{ containerPort: 8080 }] }),
      );
  });

  test("probes and hooks follow it; what a program asks is told", () => {
    const pod = podWith({
      image: triton,
      args: ["tritonserver"],
      ports: [{ containerPort: 8000 }],
      readinessProbe: { httpGet: { path: "/r", port: 8000 } },
      livenessProbe: { httpGet: { path: "/l", port: "8000" } },
      startupProbe: { exec: { command: ["curl", "localhost:8000/r"] } },
      lifecycle: { preStop: { httpGet: { port: 8000 } } },
    });
    const { app, sidecar, notes } = moved(pod);
    expect(app).toMatchObject({
      readinessProbe: { httpGet: { path: "/probe/readiness", port: 8472 } },
      livenessProbe: { httpGet: { path: "/l", port: 8474 } },
      lifecycle: { preStop: { httpGet: { port: 8474 } } },
    });
    expect(sidecar?.env?.find(({ name }) => name === "LOCUM_PROBES")?.value).toContain('"port":8474');
    expect(notes).toContainEqual(expect.objectContaining({ code: "probe_through_tap" }));
  });

  test("its new port is no number that stands anywhere in the pod", () => {
    const side = { name: "side", args: ["--listen=:8474"], ports: [{ containerPort: 8475 }] };
    const pod = podWith({ image: triton, args: ["tritonserver"], ports: [{ containerPort: 8000 }] }, [side]);
    expect(moved(pod, { "locum.dev/tap-port": "8476" }).target.port).toBe(8477);
  });

  test("a name is taken before a number, and none is none", () => {
    const named = podWith({
      image: triton,
      args: ["tritonserver"],
      ports: [{ name: "http", containerPort: 8000 }],
    });
    expect(moved(named).target).toMatchObject({ port: 8000, tapPort: 8471 });
    const bare = podWith({ image: triton, args: ["tritonserver"], ports: [{ containerPort: 8000 }] });
    expect(moved(bare, { "locum.dev/port-takeover": "none" }).target).toMatchObject({ tapPort: 8471 });
    expect(run(bare, { "locum.dev/port-takeover": "named" })).toMatchObject({
      reason: "numeric_service_port",
    });
  });

  test("what a person changed since stays", () => {
    const pod = podWith({ image: triton, args: ["tritonserver"], ports: [{ containerPort: 8000 }] });
    const { pod: made, meta: after } = moved(pod);
    const [server] = made.containers ?? [];
    if (!server) throw new Error("no server");
    server.args = ["tritonserver", "--model-repository=/new", "--http-port=8474", "--log-verbose=1"];
    expect(strip(made, after).pod.containers?.[0]?.args).toEqual([
      "tritonserver",
      "--model-repository=/new",
      "--log-verbose=1",
    ]);
    server.args = ["tritonserver", "--http-port=9000"];
    expect(strip(made, after).pod.containers?.[0]?.args).toEqual(server.args);
  });
});

describe("where it is not certain nothing is moved, and it is told why", () => {
  const refused: [string, Partial<Container>, RegExp][] = [
    [
      "TorchServe",
      { image: "pytorch/torchserve:0.12", ports: [{ containerPort: 8080 }] },
      /no flag or variable/,
    ],
    ["a server that is not known", { image: "own:1", ports: [{ containerPort: 8080 }] }, /not known/],
    [
      "a port that is not its own",
      { image: triton, args: ["tritonserver"], ports: [{ containerPort: 7000 }] },
      /known to listen/,
    ],
    [
      "a port below 1024",
      { image: "text-generation-inference:3", ports: [{ containerPort: 80 }] },
      /below 1024/,
    ],
    [
      "a reference",
      { image: "vllm/vllm-openai:1", args: ["--port", "$(P)"], env: [{ name: "P", value: "8001" }] },
      /stand in the arguments once/,
    ],
    [
      "a flag that stands twice",
      { image: "vllm/vllm-openai:1", args: ["--port=8001", "--port=8001"] },
      /stand in the arguments once/,
    ],
    [
      "a shell",
      { image: triton, command: ["sh", "-c", "tritonserver"], ports: [{ containerPort: 8000 }] },
      /not certain/,
    ],
    ["an image of unknown arguments", { image: triton, ports: [{ containerPort: 8000 }] }, /not certain/],
    [
      "a variable from elsewhere",
      {
        image: "seldonio/mlserver:1",
        env: [{ name: "MLSERVER_HTTP_PORT", valueFrom: {} }],
        ports: [{ containerPort: 8080 }],
      },
      /variable of its port/,
    ],
  ];
  test.each(refused)("%s", (_what, container, why) => {
    expect(run(podWith(container))).toMatchObject({
      reason: "numeric_service_port",
      detail: expect.stringMatching(why),
    });
  });
});
