import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type Cli, openCli } from "./cli-calls.ts";
import type { CopyTarget } from "./demo-copy.ts";
import { readDigits } from "./digits.ts";
import { type ModelProcess, startModelProcess } from "./model-process.ts";
import { referenceAnswers } from "./witness.ts";

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

type Say = (step: string) => void;

const service = "digits";

/** Model servers, goldens, collector, sidecars and front in a folder of their own: nothing is left of it afterwards. */
export async function startFleet({
  dir,
  root,
  copy,
  say,
  signal,
}: {
  dir: string;
  root: string;
  copy: CopyTarget | null;
  say: Say;
  signal: AbortSignal;
}): Promise<Fleet> {
  const digits = await readDigits(join(root, "test/fixtures/digits"));
  const { files, images } = digits;
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
    const [models, staging] = await Promise.all([
      Promise.all([start("a", files.current), start("b", files.current)]),
      start("staging", files.newer),
    ]);
    const references = {
      current: await referenceAnswers(models[0]?.url ?? "", images),
      newer: await referenceAnswers(staging.url, images),
    };
    const config = join(dir, "locum.yaml");
    await writeFile(config, stringify(await configFor(cli, { dir, models, copy })));
    say("recording goldens from both, signing the first release");
    await cli.run("golden", "record", "--config", config, "--inputs", digits.goldenRequests);
    say("starting the collector, two sidecars and the tap");
    const up = await cli.up(config);
    const { tokens } = JSON.parse(await readFile(up.tokenFile, "utf8")) as {
      tokens: { role: string; token: string }[];
    };
    return {
      models,
      files,
      images,
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
          digits.goldenRequests,
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

async function configFor(
  cli: Cli,
  { dir, models, copy }: { dir: string; models: ModelProcess[]; copy: CopyTarget | null },
): Promise<object> {
  const draft = join(dir, "draft.yaml");
  const pairs = models.flatMap(({ url, repository }) => ["--upstream", url, "--model-dir", repository]);
  await cli.run("init", "--service", service, ...pairs, "--out", draft);
  const written = parse(await readFile(draft, "utf8"));
  const restartScript = join(dir, "end-model-server.sh");
  await writeFile(restartScript, '#!/bin/sh\nkill -9 "$(cat "$1")" 2>/dev/null || true\n');
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
    ...(copy ? { collector: { ...written.collector, elasticsearch: copy } } : {}),
    // Eight faults in two minutes are a demo, not a flapping instance. With nobody right, refuse rather than guess.
    failover: { ...written.failover, actionsMax: 20, failClosed: true },
  };
}
