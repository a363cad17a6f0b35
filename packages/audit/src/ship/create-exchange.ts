import { auditStreamName, Fault, type ShippingView } from "@locum/contracts";
import type { Elasticsearch } from "../elasticsearch/open-elasticsearch.ts";
import { type Ask, createAsk } from "./ask-reader.ts";
import type { ItemOutcome } from "./bulk-outcome.ts";
import { checkSetup, type Setup } from "./check-setup.ts";
import type { Gate, Passage } from "./gate.ts";
import { lookUp } from "./look-up.ts";
import { postBulk } from "./post-bulk.ts";
import type { Problems } from "./problems.ts";
import type { ResponseRow } from "./response-table.ts";
import { type Exchange, rowsOf, type Sent } from "./ship-batch.ts";
import type { ShipClock } from "./ship-clock.ts";

export type ServerExchange = Pick<Exchange, "send" | "standing"> & {
  ask: Ask;
  state(): ShippingView["elasticsearch"];
  family(): string | null;
};

/** Every request goes through the gate here, and what it says of the server is put in view. */
export function createExchange({
  server,
  reader,
  namespace,
  gate,
  problems,
  clock,
  random,
  signal,
  recovered,
}: {
  server: Elasticsearch;
  reader?: Elasticsearch | undefined;
  namespace: string;
  gate: Gate;
  problems: Problems;
  clock: ShipClock;
  random: { next(): number };
  signal: AbortSignal;
  /** The server works again after it did not. */
  recovered: () => void;
}): ServerExchange {
  const stream = auditStreamName("audit", namespace);
  let state: ShippingView["elasticsearch"] = "unreachable";
  let isOut = false;
  let lastSent: Passage = "good";
  let family: string | null = null;
  let setup: Promise<Setup> | undefined;

  const leave = (passage: Passage, next: ShippingView["elasticsearch"], detail = ""): void => {
    const failures = gate.leave(passage);
    if (signal.aborted) return;
    if (passage === "busy" && failures >= busyMax) problems.set("server", "es-busy", detail);
    state = next;
    if (passage === "away" || passage === "operator") {
      isOut = true;
      setup = undefined;
    } else if (isOut) {
      isOut = false;
      recovered();
    }
  };

  const attempt = async (documents: Parameters<Exchange["send"]>[0]): Promise<Sent> => {
    setup ??= checkSetup({ server, reader, stream, signal });
    const found = await setup;
    family = found.name;
    if (!found.isReady) return { all: { ...notSetUp, name: found.detail } };
    const requireDataStream = found.family !== "opensearch";
    return rowsOf(await postBulk(server, documents, { namespace, requireDataStream, signal }));
  };

  const ask = createAsk({
    reader,
    enter: gate.enter,
    leave(passage) {
      // What a person has to mend for writing is not mended because reading works.
      if (passage === "aside" || (passage === "good" && lastSent === "operator")) gate.leave("aside");
      else {
        if (passage === "good") problems.clear("server");
        leave(passage, passage === "good" ? "reachable" : "unreachable");
      }
    },
    problems,
    clock,
    random,
    signal,
  });

  return {
    async send(documents) {
      await gate.enter();
      let sent: Sent;
      try {
        sent = await attempt(documents);
      } catch (error) {
        if (!(error instanceof Fault)) {
          leave("away", "unreachable");
          throw error;
        }
        sent = { all: { ...notReached, name: error.message } };
      }
      const { passage, row, detail } = judge(sent);
      if (passage === "away" || passage === "operator")
        problems.set("server", row?.problem ?? "es-refuses", detail);
      else if (passage === "good") problems.clear("server");
      lastSent = passage;
      leave(passage, stateOf(passage, row), detail);
      // What was cut off by closing was not answered.
      signal.throwIfAborted();
      return sent;
    },
    standing: (ids) => ask((asked) => lookUp(asked, { stream, ids, signal })),
    ask,
    state: () => state,
    family: () => family,
  };
}

/** So many refusals in a row are told; one or two are how a server says that it works. */
const busyMax = 5;

const notSetUp: ResponseRow = { name: "", of: "request", action: "operator", problem: "es-not-set-up" };
/** Nothing was sent. */
const notReached: ResponseRow = { name: "", of: "none", action: "away", problem: "es-unreachable" };

function judge(sent: Sent): { passage: Passage; row: ResponseRow | undefined; detail: string } {
  if ("all" in sent) {
    const row = sent.all;
    const detail = sent.reason ? `${row.name}: ${sent.reason}` : row.name;
    if (row.action === "away" || row.action === "operator") return { passage: row.action, row, detail };
    return { passage: row.action === "again" ? "busy" : "good", row, detail };
  }
  const worst = sent.rows.find(({ action }) => action === "operator") ?? sent.rows.find(isAgain);
  if (!worst) return { passage: "good", row: undefined, detail: "" };
  const detail = `${worst.name}: ${describe(sent.outcomes[sent.rows.indexOf(worst)])}`;
  if (worst.action === "operator") return { passage: "operator", row: worst, detail };
  return { passage: sent.rows.every(isAgain) ? "busy" : "busy-but-moving", row: worst, detail };
}

const isAgain = ({ action }: ResponseRow): boolean => action === "again";

const describe = (outcome: ItemOutcome | undefined): string =>
  outcome ? `${outcome.status} ${outcome.type} ${outcome.reason}`.trim() : "";

function stateOf(passage: Passage, row: ResponseRow | undefined): ShippingView["elasticsearch"] {
  if (passage === "operator") return "refusing";
  if (passage !== "away") return "reachable";
  return row?.of === "unreadable" ? "refusing" : "unreachable";
}
