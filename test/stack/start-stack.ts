import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadServiceFile, type ServiceConfig } from "@locum/contracts";
import { startDigits } from "./digits-server.ts";
import { type LocumCommand, locumCommand, type Running } from "./locum-command.ts";
import type { ModelProcess } from "./model-process.ts";
import { type StackView, serviceName, viewStack } from "./stack-view.ts";
import { digits } from "./strikes.ts";
import { referenceAnswers } from "./witness.ts";

export type Stack = StackView & {
  dir: string;
  config: string;
  locum: LocumCommand;
  models: ModelProcess[];
  references: { current: Float64Array[]; newer: Float64Array[] };
  running: Running;
  holding(role: "active" | "standby"): Promise<ModelProcess>;
  model(id: string): ModelProcess;
  /** A new release, signed by the operator and taken by the collector: instances may serve it from now on. */
  approveNewer(): Promise<void>;
  /** Ends every process and removes the folder. */
  close(): Promise<void>;
};

export type StackOptions = {
  ids?: string[];
  maxConcurrency?: number;
  restartDriver?: boolean;
  /** Every log line of every part, in up.log. */
  verbose?: boolean;
  edit?: (config: ServiceConfig) => ServiceConfig;
};

/**
 * The three commands as a newcomer gives them, against model servers of our own in processes of their own, in a
 * folder that is gone at the end.
 */
export async function startStack({ ids = ["a", "b"], ...options }: StackOptions = {}): Promise<Stack> {
  const dir = await mkdtemp(join(tmpdir(), "locum-stack-"));
  const closing: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const open = async (id: string, source: string) => {
      const maxConcurrency = options.maxConcurrency ?? 64;
      const model = await startDigits({ id, dir, source, maxConcurrency });
      closing.push(model.close);
      return model;
    };
    const models = await Promise.all(ids.map((id) => open(id, digits.current)));
    const staging = await open("staging", digits.newer);
    const references = {
      current: await referenceAnswers(models[0]?.url ?? ""),
      newer: await referenceAnswers(staging.url),
    };
    const locum = locumCommand({ dir });
    const config = await configure({ dir, locum, models, ...options });
    const running = await locum.up(config, ...(options.verbose ? ["--verbose"] : []));
    closing.push(running.end);
    return assemble({ dir, config, locum, models, staging, references, running, close });
  } catch (error) {
    await close();
    throw error;
  }
}

type Parts = Pick<Stack, "dir" | "config" | "locum" | "models" | "references" | "running" | "close"> & {
  staging: ModelProcess;
};

function assemble({ staging, ...parts }: Parts): Stack {
  const { running, models, locum, config } = parts;
  const view = viewStack(running);
  const model = (id: string): ModelProcess => {
    const found = models.find((one) => one.id === id);
    if (!found) throw new Error(`no model server ${id}`);
    return found;
  };
  return {
    ...view,
    ...parts,
    model,
    async holding(role) {
      const reports = await view.settled();
      return model(Object.keys(reports).find((id) => reports[id]?.role === role) ?? "");
    },
    async approveNewer() {
      const from = ["--from", staging.url, "--model-dir", staging.repository];
      const to = ["--collector", running.line.collector, "--token-file", running.line.tokenFile];
      const inputs = ["--inputs", digits.goldenRequests];
      await locum.done("approve", "--config", config, ...from, ...inputs, ...to);
    },
  };
}

type Configure = Omit<StackOptions, "ids" | "verbose"> & {
  dir: string;
  locum: LocumCommand;
  models: ModelProcess[];
};

/** `init`, our own ids and restart driver written in, then the goldens and the first release. */
async function configure({
  dir,
  locum,
  models,
  restartDriver = true,
  edit = (it) => it,
}: Configure): Promise<string> {
  const config = join(dir, "locum.yaml");
  const pairs = models.flatMap(({ url, repository }) => ["--upstream", url, "--model-dir", repository]);
  await locum.done("init", "--service", serviceName, ...pairs, "--out", config);
  const script = join(dir, "restart-model-server.sh");
  await writeFile(script, '#!/bin/sh\nkill -9 "$(cat "$1")" 2>/dev/null\n: > "$2"\n');
  await chmod(script, 0o755);
  const written = await loadServiceFile(config);
  const named: ServiceConfig = {
    ...written,
    instances: written.instances.map((instance, index) => {
      const model = models[index];
      if (!model) return instance;
      const { id, pidFile, wantedFile } = model;
      const driver = restartDriver ? { restart: { exec: [script, pidFile, wantedFile] } } : {};
      return { ...instance, id, pidFile, drillable: true, ...driver };
    }),
    // Many faults in few minutes are a bench, not a flapping instance.
    failover: { ...written.failover, actionsMax: 1000 },
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(edit(named), null, 2));
  await locum.done("golden", "record", "--config", config, "--inputs", digits.goldenRequests);
  return config;
}
