import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";
import { ask } from "./digit-client.ts";
import { type ModelProcess, startModelProcess } from "./model-process.ts";

export type Fleet = {
  models: ModelProcess[];
  files: { current: string; older: string; newer: string };
  /** Two more model servers beside the fleet, for a comparison. */
  startPair(): Promise<[ModelProcess, ModelProcess]>;
  images: number[][];
  references: { current: Float64Array[]; newer: Float64Array[] };
  collectorUrl: string;
  adminToken: string;
  operatorKey: string;
  serviceUrl: string;
  sidecars: { id: string; control: string }[];
  config: string;
  killCollector(): Promise<void>;
  approveNewer(): Promise<void>;
  close(): Promise<void>;
};

type Up = {
  collector: string;
  service: Record<string, string>;
  sidecars: { id: string; control: string }[];
  tokenFile: string;
  pids: { collector: number };
};
type Say = (step: string) => void;

const service = "digits";

/** Model servers, goldens, collector, sidecars and front in a folder of their own: nothing is left of it afterwards. */
export async function startFleet({
  dir,
  root,
  say,
  signal,
}: {
  dir: string;
  root: string;
  say: Say;
  signal: AbortSignal;
}): Promise<Fleet> {
  const fixtures = join(root, "test/fixtures/digits");
  const program = join(root, "test/model-server/main.ts");
  const cli = openCli({ main: join(root, "apps/cli/src/main.ts"), dir, signal });
  const closing: (() => Promise<void>)[] = [() => cli.close()];
  const close = async () => {
    for (const end of closing.reverse()) await end().catch(() => undefined);
  };
  try {
    say("starting two model servers");
    const start = async (id: string, model: string) => {
      const repository = join(dir, id, "models");
      await mkdir(join(repository, "digits"), { recursive: true });
      await copyFile(model, join(repository, "digits", "model.onnx"));
      const process = await startModelProcess({ id, repository, program, pidFile: join(dir, `${id}.pid`) });
      closing.push(process.close);
      return process;
    };
    const files = {
      current: join(fixtures, "model.onnx"),
      older: join(fixtures, "older/model.onnx"),
      newer: join(fixtures, "newer/model.onnx"),
    };
    const [models, staging] = await Promise.all([
      Promise.all([start("a", files.current), start("b", files.current)]),
      start("staging", files.newer),
    ]);
    const { images } = JSON.parse(await readFile(join(fixtures, "test-set.json"), "utf8")) as {
      images: { image: number[] }[];
    };
    const scaled = images.map(({ image }) => image.map((value) => value / 16));
    const references = {
      current: await referenceAnswers(models[0]?.url ?? "", scaled),
      newer: await referenceAnswers(staging.url, scaled),
    };
    const config = join(dir, "locum.yaml");
    await writeFile(config, stringify(await configFor(cli, dir, models)));
    say("recording goldens from both, signing the first release");
    const inputs = join(fixtures, "golden-requests.json");
    await cli.run("golden", "record", "--config", config, "--inputs", inputs);
    say("starting the collector, two sidecars and the tap");
    const up = await cli.up(config);
    const { tokens } = JSON.parse(await readFile(up.tokenFile, "utf8")) as {
      tokens: { role: string; token: string }[];
    };
    return {
      models,
      files,
      images: scaled,
      references,
      config,
      close,
      collectorUrl: up.collector,
      adminToken: tokens.find(({ role }) => role === "admin")?.token ?? "",
      serviceUrl: up.service[service] ?? "",
      sidecars: up.sidecars,
      operatorKey: join(dir, "operator/locum/operator.key"),
      async killCollector() {
        process.kill(up.pids.collector, "SIGKILL");
      },
      startPair: () => Promise.all([start("c", files.current), start("d", files.current)]),
      approveNewer: () =>
        cli.run(
          "approve",
          "--config",
          config,
          "--from",
          staging.url,
          "--model-dir",
          staging.repository,
          "--inputs",
          inputs,
          "--collector",
          up.collector,
          "--token-file",
          up.tokenFile,
        ),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function referenceAnswers(url: string, images: number[][]): Promise<Float64Array[]> {
  const agent = new Agent({ keepAlive: true });
  try {
    const answers: Float64Array[] = [];
    for (const image of images) answers.push(Float64Array.from(await ask(agent, url, image)));
    return answers;
  } finally {
    agent.destroy();
  }
}

async function configFor(cli: Cli, dir: string, models: ModelProcess[]): Promise<object> {
  const draft = join(dir, "draft.yaml");
  const pairs = models.flatMap(({ url, repository }) => ["--upstream", url, "--model-dir", repository]);
  await cli.run("init", "--service", service, ...pairs, "--out", draft);
  const { parse } = await import("yaml");
  const written = parse(await readFile(draft, "utf8"));
  const restartScript = join(dir, "end-model-server.sh");
  await writeFile(restartScript, '#!/bin/sh\nkill -9 "$(cat "$1")"\n');
  await chmod(restartScript, 0o755);
  return {
    ...written,
    instances: written.instances.map((instance: { id: string }, index: number) => {
      const pidFile = models[index]?.pidFile ?? "";
      return {
        ...instance,
        id: models[index]?.id,
        pidFile,
        drillable: true,
        restart: { exec: [restartScript, pidFile] },
      };
    }),
    // Eight faults in two minutes are a demo, not a flapping instance.
    failover: { ...written.failover, actionsMax: 20 },
  };
}

type Cli = { run(...args: string[]): Promise<void>; up(config: string): Promise<Up>; close(): Promise<void> };

/** The same commands that a person types, as processes of their own, with the operator's key inside the demo's folder. */
function openCli({ main, dir, signal }: { main: string; dir: string; signal: AbortSignal }): Cli {
  const env = { ...process.env, XDG_CONFIG_HOME: join(dir, "operator"), NO_COLOR: "1" };
  let running: ChildProcess | undefined;
  return {
    async run(...args) {
      const child = spawn(process.execPath, [main, ...args, "--json"], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
        signal,
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      const [code] = await once(child, "close");
      if (code !== 0)
        throw new Error(`locum ${args.slice(0, 2).join(" ")} ended with ${code}: ${said.slice(-2000)}`);
    },
    async up(config) {
      const child = spawn(process.execPath, [main, "up", "--config", config, "--json"], {
        env,
        stdio: ["pipe", "pipe", "pipe"],
      });
      running = child;
      let said = "";
      child.stderr.on("data", (chunk) => {
        said = (said + chunk).slice(-4000);
      });
      for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
      throw new Error(`locum up ended: ${said}`);
    },
    async close() {
      if (!running || running.exitCode !== null || running.signalCode !== null) return;
      const ended = once(running, "exit");
      running.kill("SIGTERM");
      await ended;
    },
  };
}
