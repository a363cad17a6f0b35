import { Fault } from "@locum/contracts";
import { deadline } from "../deadline.ts";
import { accepted, askJson, errorText } from "../http/ask-json.ts";
import type { Ask, Exchanged, Question } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions, RepositoryModel } from "../model-server.ts";

const modelsMax = 10_000;
const pageSize = 1000;
const describedMax = 16;
const bytesMax = 4 * 1024 * 1024;

/** One registered version of a model, with what registering it again needs. */
export type Registered = {
  version: string;
  modelUrl: string;
  runtime: string;
  minWorkers: number;
  maxWorkers: number;
  batchSize: number;
  maxBatchDelay: number;
  responseTimeout: number;
  startupTimeout: number;
  workers: string[];
};

export type Registration = {
  url: string;
  name: string;
  workers: number;
  like: Pick<Registered, "runtime" | "batchSize" | "maxBatchDelay" | "responseTimeout" | "startupTimeout">;
};

/** TorchServe's management API. `act` answers give the status and the text: their caller judges them. */
export type Management = {
  list(options: CallOptions): Promise<string[]>;
  /** The default version, or all of them. Throws `model-unknown`. */
  describe(model: string, options: CallOptions): Promise<Registered>;
  /** What the server last said of the model's default version. */
  remembered(model: string): Registered | undefined;
  describeAll(model: string, options: CallOptions): Promise<Registered[]>;
  register(registration: Registration, options: CallOptions): Promise<Acted>;
  scaleUp(model: string, maxWorkers: number, options: CallOptions): Promise<Acted>;
  unregister(model: string, options: CallOptions): Promise<Acted>;
};
export type Acted = { ok: boolean; status: number | undefined; said: string };

export function openManagement(ask: Ask, base: string): Management {
  const seen = new Map<string, Registered>();
  const modelUrl = (model: string) => `${base}/models/${encodeURIComponent(model)}`;

  async function describeAt(path: string, model: string, options: CallOptions): Promise<Registered[]> {
    const said = await askJson(ask, { ...options, path, answerBytesMax: bytesMax }).catch(
      (fault: unknown) => {
        throw isNotFound(fault)
          ? new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`)
          : fault;
      },
    );
    const described = Array.isArray(said) ? said.filter(isObject) : [];
    const versions = described.filter(({ modelName }) => typeof modelName === "string").map(registeredOf);
    const [first] = versions;
    if (!first) throw new Fault("upstream-protocol", `GET ${path}: no description of a model`);
    if (seen.size < 1000 || seen.has(model)) seen.set(model, first);
    return versions;
  }

  async function act(question: Pick<Question, "method" | "path">, options: CallOptions): Promise<Acted> {
    // No content type and no body: TorchServe 0.12 answers 500 to a registration that has a JSON type and no body.
    return actedOf(await ask({ ...question, ...options, answerBytesMax: bytesMax }));
  }

  return {
    list: (options) => listNames(ask, base, options),
    async describe(model, options) {
      const [version] = await describeAt(modelUrl(model), model, options);
      if (!version) throw new Fault("model-unknown", `no version of ${JSON.stringify(model)}`);
      return version;
    },
    remembered: (model) => seen.get(model),
    describeAll: (model, options) => describeAt(`${modelUrl(model)}/all`, model, options),
    register: (registration, options) =>
      act({ method: "POST", path: `${base}/models?${queryOf(registration)}` }, options),
    scaleUp: (model, maxWorkers, options) =>
      act({ method: "PUT", path: `${modelUrl(model)}?max_worker=${maxWorkers}` }, options),
    unregister: (model, options) =>
      act({ method: "DELETE", path: `${modelUrl(model)}?synchronous=true` }, options),
  };
}

async function listNames(ask: Ask, base: string, options: CallOptions): Promise<string[]> {
  const remaining = deadline(options);
  const names: string[] = [];
  let page = "";
  do {
    const path = `${base}/models?limit=${pageSize}${page}`;
    const said = await askJson(ask, { ...remaining(), path, answerBytesMax: bytesMax });
    if (!isObject(said) || !Array.isArray(said.models))
      throw new Fault("upstream-protocol", `GET ${path}: no list of models`);
    const found = said.models.flatMap((entry) =>
      isObject(entry) && typeof entry.modelName === "string" ? [entry.modelName] : [],
    );
    names.push(...found);
    const token = said.nextPageToken;
    // A page without a model would go on for ever.
    page =
      typeof token === "string" && found.length > 0 ? `&next_page_token=${encodeURIComponent(token)}` : "";
  } while (page !== "" && names.length < modelsMax);
  return names.slice(0, modelsMax);
}

/** READY where a worker of the model is: `/ping` stays Healthy with none, and with no model at all. */
export async function listWithStates(
  management: Management,
  options: CallOptions,
): Promise<RepositoryModel[]> {
  const remaining = deadline(options);
  const names = await management.list(remaining());
  return Promise.all(
    names.map(async (name, index): Promise<RepositoryModel> => {
      if (index >= describedMax) return { name, state: "UNKNOWN" };
      const found = await management.describe(name, remaining()).catch(() => undefined);
      return found ? { name, version: found.version, state: stateOf(found) } : { name, state: "UNKNOWN" };
    }),
  );
}

export function stateOf({ workers }: Registered): string {
  return workers.includes("READY") ? "READY" : (workers[0] ?? "UNAVAILABLE");
}

function registeredOf(said: Record<string, unknown>): Registered {
  const text = (key: string) => (typeof said[key] === "string" ? said[key] : "");
  const count = (key: string) => (Number.isSafeInteger(said[key]) ? (said[key] as number) : 0);
  const workers = Array.isArray(said.workers) ? said.workers.slice(0, 4096) : [];
  return {
    version: text("modelVersion"),
    modelUrl: text("modelUrl"),
    runtime: text("runtime"),
    minWorkers: count("minWorkers"),
    maxWorkers: count("maxWorkers"),
    batchSize: count("batchSize"),
    maxBatchDelay: count("maxBatchDelay"),
    responseTimeout: count("responseTimeout"),
    startupTimeout: count("startupTimeout"),
    workers: workers.map((worker) => (isObject(worker) ? String(worker.status) : "UNKNOWN")),
  };
}

function queryOf({ url, name, workers, like }: Registration): URLSearchParams {
  const kept: [string, number][] = [
    ["batch_size", like.batchSize],
    ["max_batch_delay", like.maxBatchDelay],
    ["response_timeout", like.responseTimeout],
    ["startup_timeout", like.startupTimeout],
  ];
  return new URLSearchParams({
    url,
    model_name: name,
    initial_workers: String(workers),
    synchronous: "true",
    ...(like.runtime === "" ? {} : { runtime: like.runtime }),
    ...Object.fromEntries(kept.filter(([, value]) => value > 0).map(([key, value]) => [key, String(value)])),
  });
}

function actedOf(outcome: Exchanged): Acted {
  if (outcome.kind === "failed") {
    // Nothing was heard: whether it was done is for the next question to find out.
    if (outcome.detail === "timeout") return { ok: false, status: undefined, said: outcome.reason };
    accepted(outcome, "management");
    return { ok: false, status: undefined, said: outcome.reason };
  }
  const { status, body } = outcome;
  return { ok: status >= 200 && status < 300, status, said: `status ${status} ${errorText(body)}`.trim() };
}

function isNotFound(fault: unknown): boolean {
  return fault instanceof Fault && (fault.cause as { status?: number } | undefined)?.status === 404;
}
