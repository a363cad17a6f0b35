import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { captureState, refusedValue } from "./capture-state.ts";
import { parseCmdline, parseEnviron, procLimits } from "./parse-proc.ts";
import type { ProcessPort } from "./process-port.ts";
import { procProcesses } from "./process-port.ts";
import { looksSecret } from "./secret-text.ts";

const nul = (...words: string[]) => Buffer.from(words.map((word) => `${word}\0`).join(""));
const processOf = (args: string[], environ: string[]): ProcessPort => ({
  read: async (_pid, file) => (file === "cmdline" ? nul(...args) : nul(...environ)),
  program: async () => "/usr/bin/vllm",
});

// Put together at run time, so that no scanner takes the corpus for a leak.
const tail = "q7Zk2Lw9Xv4Tn8Rb1Yc6Md3Hf5Js0Gp";
const hex = "9f86d081884c7d659a2feaa0c55ad015";
const secretValues = [
  `sk-${tail}`,
  `sk-ant-${tail}`,
  `hf_${tail}`,
  `ghp_${tail}`,
  `github_pat_${tail}`,
  `glpat-${tail}`,
  `AKIA${"IOSFODNN7EXAMPLE"}`,
  `xoxb-${tail}`,
  `AIza${tail}abcd`,
  `eyJ${tail}.eyJ${tail}.${tail}`,
  `Bearer ${tail}`,
  `-----BEGIN ${"PRIVATE KEY"}-----`,
  `AGE-SECRET-KEY-1${tail}`,
  "postgres://model:hunter2@db:5432/features",
  "redis://:hunter2@cache:6379",
  `https://bucket.s3.amazonaws.com/model?X-Amz-Signature=${hex}`,
  `https://hooks.slack.com/services/T0/B0/${tail}`,
  "host=db user=model password=hunter2",
  `DefaultEndpointsProtocol=https;AccountKey=${tail}==`,
  hex,
  tail,
];
const secretNames = [
  "--token",
  "HUGGING_FACE_HUB_TOKEN",
  "REDISCLI_AUTH",
  "VLLM_API_KEYS",
  "ssl_key_password",
  "WANDB_API_KEY",
  "DATABASE_PASSWD",
  "X-Auth-Token",
  "HF_TOKEN",
  "API_KEY",
  "--api-key",
  "apiKey",
  "DB_PASSWORD",
  "PGPASSWORD",
  "db-pass",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "--auth-token",
  "--ssl-keyfile-password",
  "CLIENT_SECRET",
  "Authorization",
  "SENTRY_DSN",
  "ENCRYPTION_KEY",
  "GOOGLE_APPLICATION_CREDENTIALS",
  "AZURE_STORAGE_CONNECTION_STRING",
  "signingkey",
];
const harmless: [string, string][] = [
  ["CUDA_VISIBLE_DEVICES", "0,1"],
  ["--model", "meta-llama/Llama-3.1-8B-Instruct"],
  ["--tokenizer", "/models/llama/tokenizer.json"],
  ["--max-num-batched-tokens", "8192"],
  ["--max-tokens", "512"],
  ["MAX_TOTAL_TOKENS", "4096"],
  ["--tensor-parallel-size", "2"],
  ["--dtype", "bfloat16"],
  ["OMP_NUM_THREADS", "8"],
  ["TOKENIZERS_PARALLELISM", "false"],
  ["PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"],
  ["--pin-memory", "true"],
  ["--signature-name", "serving_default"],
  ["--rope-scaling", '{"type":"dynamic","factor":2.0}'],
  ["--speculative-config", '{"model":"draft","num_speculative_tokens":5}'],
  ["--kv-cache-dtype", "fp8_e5m2"],
  ["TRITON_CACHE_DIR", "/opt/cache/triton"],
  ["--enable-auto-tool-choice", "hermes"],
  ["--chat-template", "/models/chat_template.jinja"],
  ["--model-repository", "s3://bucket/models"],
  ["IMAGE", `nvcr.io/nvidia/tritonserver@sha256:${hex}${hex}`],
  ["--served-model-name", "chest-xray-v2.1-onnx-int8"],
  ["LD_LIBRARY_PATH", "/usr/local/cuda-12.4/lib64:/opt/tritonserver/backends"],
];

describe("secrets", () => {
  test.for(secretValues)("%s is one, whatever its name", (value) => {
    expect(looksSecret("NAME", value)).toBe(true);
  });
  test.for(secretNames)("%s names one, whatever it holds", (name) => {
    expect(looksSecret(name, "x")).toBe(true);
  });
  test.for(harmless)("%s %s is none", ([name, value]) => {
    expect(looksSecret(name, value)).toBe(false);
  });
  test("no text makes it slow or throw", () => {
    fc.assert(
      fc.property(fc.string({ size: "large" }), fc.string({ size: "large" }), (a, b) => {
        expect(typeof looksSecret(a, b)).toBe("boolean");
      }),
    );
    for (const letter of ["a", "a:", "://", "max_tokens", "=", "password=", "eyJ", "a-"])
      looksSecret(letter.repeat(8000), letter.repeat(8000));
  });
});

test("the state of an instance: flags and environment of the process, and which files are which", async () => {
  const args = [
    "vllm",
    "serve",
    "--model",
    "/models/llama",
    "--max-tokens=512",
    "--lora-modules",
    "sql=/models/sql-lora",
  ];
  const { state, warnings } = await captureState({
    served: { server: "vllm", version: "0.12", imageDigest: "sha256:ab", command: ["other"] },
    pid: 7,
    processes: processOf(args, ["OMP_NUM_THREADS=8", "HOME=/root", "NOT_ASKED=1"]),
    env: ["OMP_NUM_THREADS", "ABSENT"],
    paths: [
      "model.safetensors",
      "tokenizer.json",
      "config.json",
      "chat_template.jinja",
      "sql/adapter_config.json",
    ],
  });
  expect(warnings).toEqual([]);
  expect(state).toEqual({
    server: { name: "vllm", version: "0.12", imageDigest: "sha256:ab" },
    process: { from: "process", program: "/usr/bin/vllm", flags: args },
    environment: { OMP_NUM_THREADS: "8" },
    parts: {
      tokenizer: ["tokenizer.json"],
      configuration: ["config.json", "sql/adapter_config.json"],
      prompts: ["chat_template.jinja"],
      adapters: ["sql/adapter_config.json"],
    },
  });
});

test("no secret gets into the state or a warning, in any place, even where its variable is allowed", async () => {
  for (const secret of secretValues) {
    const { state, warnings } = await captureState({
      served: {},
      pid: 7,
      processes: processOf(
        ["serve", "--x", secret, `--y=${secret}`, secret, `-p${secret}`, `Z=${secret}`],
        [`ALLOWED=${secret}`, "API_KEY=hunter2"],
      ),
      env: ["ALLOWED", "API_KEY"],
    });
    expect(JSON.stringify([state, warnings]), secret).not.toContain(secret);
    expect(state.environment).toEqual({});
    expect(warnings).toContainEqual({ code: "secret-refused", name: "ALLOWED" });
    expect(warnings).toContainEqual({ code: "secret-refused", name: "API_KEY" });
  }
  for (const name of secretNames.filter((one) => one.startsWith("--"))) {
    const processes = processOf(["serve", name, "hunter2", "--dtype", "half", `${name}=hunter2`], []);
    const { state } = await captureState({ served: {}, pid: 7, processes });
    expect(state.process).toMatchObject({
      flags: ["serve", name, refusedValue, "--dtype", "half", `${name}=${refusedValue}`],
    });
  }
});

test("where the process may not be read, the service file's command counts, and that is told", async () => {
  const processes: ProcessPort = { read: async () => undefined, program: async () => undefined };
  const served = { command: ["mlserver", "start", "."] };
  const { state, warnings } = await captureState({ served, pid: 7, processes, env: ["A"] });
  expect(state.process).toEqual({ from: "service-file", program: "mlserver", flags: served.command });
  expect(warnings).toEqual([{ code: "process-unreadable", name: "cmdline" }]);
});

test.runIf(process.platform === "linux")(
  "this process is read as it is, and one that is not there is none",
  async () => {
    const cmdline = await procProcesses.read(process.pid, "cmdline", procLimits.bytes);
    expect(cmdline && parseCmdline(cmdline).args.length).toBeGreaterThan(0);
    expect((await procProcesses.read(process.pid, "environ", 16))?.length).toBeLessThanOrEqual(16);
    expect(await procProcesses.read(2 ** 30, "environ", 16)).toBeUndefined();
  },
);

test("any bytes of a process give words within the limits", () => {
  fc.assert(
    fc.property(fc.uint8Array({ size: "large" }), (bytes) => {
      const { args } = parseCmdline(bytes);
      expect(args.length).toBeLessThanOrEqual(procLimits.words);
      for (const [name] of parseEnviron(bytes)) expect(name).not.toMatch(/[=\0]/);
    }),
  );
  const many = parseCmdline(nul(...Array.from({ length: procLimits.words + 1 }, () => "x")));
  expect([many.args.length, many.isWhole]).toEqual([procLimits.words, false]);
  const long = parseCmdline(nul("a", "x".repeat(procLimits.wordBytes + 1), "b"));
  expect(long).toEqual({ args: ["a", "b"], isWhole: false });
});

test("words come back as they were", () => {
  const word = fc
    .string({ unit: "grapheme" })
    .filter((text) => !text.includes("\0") && Buffer.from(text).toString() === text);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (args) => {
      expect(parseCmdline(nul(...args))).toEqual({ args, isWhole: true });
    }),
  );
});
