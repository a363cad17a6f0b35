import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { passed } from "../stack/until.ts";
import { type Answer, failed } from "./answers.ts";
import { openApiKeys } from "./api-keys.ts";
import { type Keep, openStore } from "./data-streams.ts";
import type { Family } from "./family.ts";
import { filterPath } from "./filter-path.ts";
import { type Holdings, holdingsOf } from "./holdings.ts";
import { cut, readText, send } from "./http-wire.ts";
import { type Mischief, type Mishap, openScript, type RequestKind } from "./mishap.ts";
import { answerRequest, kindOf, type Server } from "./route.ts";
import { fateOfItem, refusal } from "./scripted-answer.ts";

/** An Elasticsearch or OpenSearch over HTTP on loopback that does wrong on order, and can tell what it holds. */
export type ElasticsearchDouble = Holdings &
  AsyncDisposable & {
    url: string;
    family: Family;
    /** Adds to what is to happen. */
    script(...mishaps: readonly Mishap[]): void;
    /** Nothing more happens of what was scripted, and an outage is over. */
    calm(): void;
    /** How many requests of each kind came. During an outage none does. */
    requests(): Record<RequestKind, number>;
    /** A request outside the script and the rights: for a test that sets things up. */
    ask(method: string, path: string, body?: unknown): Answer;
    close(): Promise<void>;
  };

export async function startDouble({
  family = "elasticsearch-9",
  script: mishaps = [],
  keep = "source",
  security = false,
  whole,
  seed = 1,
  port = 0,
  nowMs = Date.now,
}: {
  family?: Family;
  script?: readonly Mishap[];
  keep?: Keep;
  /** API keys are asked for; the superuser is `locum:locum-test`. */
  security?: boolean;
  /** Not stripped: `GET /`, `_data_stream` and ingest processors are there. */
  whole?: boolean;
  seed?: number;
  port?: number;
  nowMs?: () => number;
} = {}): Promise<ElasticsearchDouble> {
  const store = openStore({ family, keep, nowMs });
  if (whole !== undefined) store.traits = { ...store.traits, whole };
  const { traits } = store;
  const holdings = holdingsOf(store);
  const keys = security ? openApiKeys() : undefined;
  const script = openScript(mishaps, { seed });
  const requests = { bulk: 0, search: 0, count: 0, refresh: 0, template: 0, other: 0 };
  let awayUntilMs = 0;
  const isAway = (): boolean => performance.now() < awayUntilMs;

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readText(incoming);
    if (isAway()) return cut(incoming.socket);
    const { pathname: path, searchParams: query } = new URL(incoming.url ?? "/", "http://double");
    const kind = kindOf(path);
    requests[kind] += 1;
    const mischief = script.strike(kind);
    const of = <D extends Mischief["do"]>(what: D) =>
      mischief.filter((one): one is Extract<Mischief, { do: D }> => one.do === what);
    for (const { ms } of of("outage")) awayUntilMs = performance.now() + ms;
    for (const { ms } of of("delay")) await passed(ms);
    const cuts = new Set(of("cut").map(({ when }) => when));
    if (isAway() || cuts.has("before")) return cut(incoming.socket);
    for (const { block } of of("block")) holdings.block(block);
    const rollovers = of("rollover").map(({ when }) => when);
    if (rollovers.includes("before")) holdings.rollover();
    const [told] = of("answer");
    const server: Server = {
      store,
      keys,
      fateOf: (index, id) => fateOfItem(mischief, script, traits, index, id),
    };
    const { method = "GET", headers } = incoming;
    const asked = { method, path, query, text: text ?? "", authorization: headers.authorization };
    const answer =
      text === undefined
        ? { status: 413, body: "" }
        : told
          ? refusal(told, traits)
          : answered(() => answerRequest(server, asked));
    if (rollovers.includes("after")) holdings.rollover();
    if (cuts.has("after")) return cut(incoming.socket);
    const filter = query.get("filter_path");
    const body = filter && answer.status < 300 ? (filterPath(answer.body, filter) ?? {}) : answer.body;
    const how = { traits, lie: of("lie")[0]?.how, isHalf: cuts.has("within") };
    send(response, { ...answer, body }, how);
  }

  const sockets = new Set<Socket>();
  const http = createServer((incoming, response) => {
    // A client that went away while it was asking is nothing to answer.
    serve(incoming, response).catch(() => cut(incoming.socket));
  });
  http.on("connection", (socket) => {
    if (isAway()) return cut(socket);
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));

  const double: ElasticsearchDouble = {
    ...holdings,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    family,
    script: (...more) => script.add(more),
    calm() {
      script.clear();
      awayUntilMs = 0;
    },
    requests: () => ({ ...requests }),
    ask(method, path, body) {
      const { pathname, searchParams: query } = new URL(path, "http://double");
      const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
      const asked = { method, path: pathname, query, text, authorization: undefined };
      return answered(() => answerRequest({ store, keys: undefined, fateOf: () => undefined }, asked));
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) cut(socket);
        http.close(() => resolve());
      }),
    [Symbol.asyncDispose]: () => double.close(),
  };
  return double;
}

function answered(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    if (error instanceof SyntaxError) return failed(400, "parsing_exception", error.message);
    throw error;
  }
}
