import type { Protocol } from "@locum/contracts";
import type { Container } from "./pod.ts";

/** How one model server is known, and where it says its port and its files. Flags end in nothing; `=` or a blank follows. */
export type ServerRow = {
  server: string;
  image: RegExp;
  program: RegExp;
  protocol?: Protocol;
  port: number;
  portFlags?: string[];
  portEnv?: string[];
  grpc?: { port: number; flags?: string[]; env?: string[] };
  management?: number;
  pathFlags?: string[];
  pathEnv?: string[];
  /** Where the files are if nothing says so. */
  path?: string;
  /** Its image starts it by itself, and hands on arguments that are given. */
  bare?: boolean;
};

/** Asked in this order: forks and wrappers name the server that they carry. */
export const serverRows: readonly ServerRow[] = [
  {
    server: "triton",
    image: /tritonserver|triton-inference-server/,
    program: /(^|\/)tritonserver$/,
    protocol: "oip-v2-rest",
    port: 8000,
    portFlags: ["--http-port"],
    grpc: { port: 8001, flags: ["--grpc-port"] },
    pathFlags: ["--model-repository", "--model-store"],
    path: "/models",
  },
  {
    server: "mlserver",
    image: /mlserver/,
    program: /(^|\/)mlserver$/,
    protocol: "oip-v2-rest",
    port: 8080,
    portEnv: ["MLSERVER_HTTP_PORT"],
    grpc: { port: 8081, env: ["MLSERVER_GRPC_PORT"] },
    pathFlags: ["start"],
    pathEnv: ["MLSERVER_MODEL_URI", "MLSERVER_MODELS_DIR"],
    path: "/mnt/models",
  },
  {
    server: "ovms",
    image: /openvino\/model_server|ovms/,
    program: /(^|\/)ovms$/,
    protocol: "oip-v2-rest",
    port: 8000,
    portFlags: ["--rest_port"],
    grpc: { port: 9000, flags: ["--port"] },
    pathFlags: ["--model_path", "--model_repository_path"],
    path: "/models",
  },
  {
    server: "vllm",
    image: /vllm/,
    program: /(^|\/)vllm$|vllm\.entrypoints/,
    protocol: "openai",
    port: 8000,
    // VLLM_PORT is of its own processes among themselves.
    portFlags: ["--port"],
    pathFlags: ["--model", "serve", "--download-dir"],
    pathEnv: ["MODEL", "MODEL_NAME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"],
    path: "/root/.cache/huggingface",
  },
  {
    server: "tgi",
    image: /text-generation-inference/,
    program: /(^|\/)text-generation-launcher$/,
    protocol: "openai",
    port: 80,
    portFlags: ["--port", "-p"],
    portEnv: ["PORT"],
    pathFlags: ["--model-id"],
    pathEnv: ["MODEL_ID", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"],
    path: "/data",
  },
  {
    server: "sglang",
    image: /sglang/,
    program: /sglang\.launch_server|(^|\/)sglang$/,
    protocol: "openai",
    port: 30_000,
    portFlags: ["--port"],
    pathFlags: ["--model-path", "--model"],
    pathEnv: ["HF_HUB_CACHE", "HF_HOME"],
    path: "/root/.cache/huggingface",
  },
  {
    server: "llama.cpp",
    image: /llama[.-]?cpp|llama-server/,
    program: /(^|\/)llama-server$/,
    protocol: "openai",
    port: 8080,
    portFlags: ["--port"],
    portEnv: ["LLAMA_ARG_PORT"],
    pathFlags: ["--model", "-m", "--models-dir"],
    pathEnv: ["LLAMA_ARG_MODEL"],
    path: "/models",
  },
  {
    server: "ollama",
    image: /ollama/,
    program: /(^|\/)ollama$/,
    protocol: "openai",
    port: 11_434,
    pathEnv: ["OLLAMA_MODELS"],
    path: "/root/.ollama",
  },
  {
    server: "tf-serving",
    image: /tensorflow[/_-]serving|tfserving/,
    program: /(^|\/)tensorflow_model_server$/,
    protocol: "kserve-v1",
    port: 8501,
    portFlags: ["--rest_api_port"],
    grpc: { port: 8500, flags: ["--port"] },
    pathFlags: ["--model_base_path"],
    pathEnv: ["MODEL_BASE_PATH"],
    path: "/models",
    bare: true,
  },
  {
    server: "torchserve",
    image: /torchserve/,
    program: /(^|\/)torchserve(-kfs)?$/,
    protocol: "torchserve",
    port: 8080,
    management: 8081,
    pathFlags: ["--model-store"],
    pathEnv: ["TS_MODEL_STORE"],
    path: "/home/model-server/model-store",
  },
  {
    server: "huggingfaceserver",
    image: /huggingfaceserver/,
    program: /^huggingfaceserver$/,
    protocol: "openai",
    port: 8080,
    portFlags: ["--http_port"],
    pathFlags: ["--model_dir"],
    path: "/mnt/models",
  },
  {
    server: "kserve",
    image: /(sklearn|xgb|lgb|pmml|paddle|predictive|custom-model)-?server/,
    program: /^(sklearn|xgb|lgb|pmml|paddle|predictive)server$/,
    port: 8080,
    portFlags: ["--http_port"],
    grpc: { port: 8081, flags: ["--grpc_port"] },
    pathFlags: ["--model_dir"],
    path: "/mnt/models",
  },
];

export type Recognised = {
  server: string;
  protocol: Protocol | undefined;
  /** `said` where an argument or the environment names it, else the server's own. */
  port: { number: number; said: boolean } | undefined;
  grpcPort: number | undefined;
  managementPort: number | undefined;
  /** Absolute folder or file, `said` as above. */
  path: { path: string; said: boolean } | undefined;
};

/** Files of weights, whatever serves them. */
export const weights = /^\/[^\s'"$]+\.(onnx|gguf|safetensors|pt|mar|engine|plan|pb|joblib|bst)$/;

/** Which model server a container runs, by its image, command, arguments and environment. Null where none is known. */
export function recognise(container: Container): Recognised | null {
  const words = wordsOf(container);
  const env = envOf(container);
  const image = (container.image ?? "").toLowerCase();
  const found =
    serverRows.find(({ image: pattern }) => pattern.test(image)) ??
    serverRows.find(({ program }) => words.some((word) => program.test(word)));
  if (!found) return unknownServer(words, env);
  const number = (flags: string[] = [], names: string[] = []): number | undefined => {
    const text = firstOf(words, flags, env, names, (value) => /^\d{1,5}$/.test(value));
    const port = Number(text);
    return text !== undefined && port >= 1 && port <= 65_535 ? port : undefined;
  };
  const saidPort = number(found.portFlags, found.portEnv);
  const saidPath = firstOf(words, found.pathFlags ?? [], env, found.pathEnv ?? [], isPath);
  const path = saidPath ?? found.path;
  return {
    server: found.server,
    protocol: found.server === "kserve" ? kserveProtocol(env) : found.protocol,
    port: { number: saidPort ?? found.port, said: saidPort !== undefined },
    grpcPort: found.grpc && (number(found.grpc.flags, found.grpc.env) ?? found.grpc.port),
    managementPort: found.management,
    path: path === undefined ? undefined : { path: folderOf(path), said: saidPath !== undefined },
  };
}

/** ONNX and the like behind a program of somebody's own: the file is known, the rest is asked at the start. */
function unknownServer(words: readonly string[], env: ReadonlyMap<string, string>): Recognised | null {
  const values = [...words.flatMap((word) => [word, word.slice(word.indexOf("=") + 1)]), ...env.values()];
  const file = values.find((value) => weights.test(value));
  if (file === undefined) return null;
  return {
    server: "unknown",
    protocol: undefined,
    port: undefined,
    grpcPort: undefined,
    managementPort: undefined,
    path: { path: folderOf(file), said: true },
  };
}

/** KServe's own servers speak both; its `protocolVersion` reaches them as PROTOCOL. */
const kserveProtocol = (env: ReadonlyMap<string, string>): Protocol | undefined =>
  env.get("PROTOCOL") === "v2" ? "oip-v2-rest" : env.get("PROTOCOL") === "v1" ? "kserve-v1" : undefined;

const isPath = (value: string): boolean => /^\/[A-Za-z0-9._/@=+,-]*$/.test(value) && value.length <= 1024;
const folderOf = (path: string): string => {
  const bare = path.replace(/(?<=.)\/+$/, "");
  return weights.test(bare) ? bare.slice(0, bare.lastIndexOf("/")) || "/" : bare;
};

function firstOf(
  words: readonly string[],
  flags: readonly string[],
  env: ReadonlyMap<string, string>,
  names: readonly string[],
  fits: (value: string) => boolean,
): string | undefined {
  for (const flag of flags)
    for (const [index, word] of words.entries()) {
      const value = word.startsWith(`${flag}=`)
        ? word.slice(flag.length + 1)
        : word === flag
          ? words[index + 1]
          : undefined;
      if (value !== undefined && fits(value)) return value;
    }
  return names.map((name) => env.get(name)).find((value) => value !== undefined && fits(value));
}

const wordsMax = 2000;

/** Command and arguments as single words: a line for a shell is taken apart too, and $(NAME) is what the kubelet puts there. */
export function wordsOf(container: Container): string[] {
  const env = envOf(container);
  return [...(container.command ?? []), ...(container.args ?? [])]
    .flatMap((text) => text.slice(0, 65_536).split(/[\s"';&|\\]+/))
    .filter((word) => word !== "")
    .slice(0, wordsMax)
    .map((word) => word.replace(/\$[({]([A-Za-z_][A-Za-z0-9_]*)[)}]/g, (all, name) => env.get(name) ?? all));
}

const envOf = ({ env }: Container): Map<string, string> =>
  new Map((env ?? []).flatMap(({ name, value }) => (typeof value === "string" ? [[name, value]] : [])));
