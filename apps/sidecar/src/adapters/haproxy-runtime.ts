import { connect } from "node:net";
import { splitAddress } from "@locum/contracts";
import type { AgentWord } from "../tap/agent-word.ts";

/** One server of one HAProxy, as its Runtime API knows it. */
export type HaproxyServer = {
  /** Path of its socket, or host:port on this machine: whoever can connect may do anything there. */
  runtime: string;
  backend: string;
  server: string;
};

/** What `show servers state` says of it. */
export type HaproxyState = { isUp: boolean; maint: boolean; drain: boolean; weight: number };

const answerBytesMax = 262_144;

/**
 * Says one agent word at once, where the agent-check would be asked within its interval, and reads back what came of
 * it. Idempotent, never retried here. The flags are those that the agent-check sets as well, so that the next answer of
 * that mends whatever was lost. Rejects with what HAProxy said, or why it could not be asked.
 */
export async function setServer(
  { runtime, backend, server }: HaproxyServer,
  word: AgentWord,
  { timeoutMs = 1000 }: { timeoutMs?: number } = {},
): Promise<HaproxyState> {
  const name = `${backend}/${server}`;
  // Without a drain it would go on taking requests of clients that it knows.
  const state = word.state === "up" ? "ready" : word.state === "drain" ? "drain" : "maint";
  const weight = word.state === "up" ? [`set server ${name} weight ${word.weight}%`] : [];
  const commands = [`set server ${name} state ${state}`, ...weight, `show servers state ${backend}`];
  const answer = await ask(runtime, commands.join(";"), timeoutMs);
  const seen = readServerState(answer, server);
  const isSet = seen.maint === (state === "maint") && seen.drain === (state === "drain");
  if (!isSet) throw new Error(`${name} is not ${state} after it was set so`);
  return seen;
}

/** Reads the answer to `set ...; show servers state`. @throws with the words of HAProxy where it refused */
export function readServerState(answer: string, server: string): HaproxyState {
  const lines = answer.split("\n").map((line) => line.trim());
  const head = lines.findIndex((line) => line.startsWith("# "));
  const said = lines.slice(0, head < 0 ? undefined : head).filter((line) => line !== "" && line !== "1");
  if (said.length > 0 || head < 0) throw new Error((said[0] ?? "it said nothing").slice(0, 200));
  const columns = lines[head]?.slice(2).split(/\s+/) ?? [];
  const at = (row: string[], column: string): string => row[columns.indexOf(column)] ?? "";
  const row = lines
    .slice(head + 1)
    .map((line) => line.split(/\s+/))
    .find((one) => at(one, "srv_name") === server);
  const [op, admin, weight] = ["srv_op_state", "srv_admin_state", "srv_uweight"].map((column) =>
    row && /^\d+$/.test(at(row, column)) ? Number(at(row, column)) : Number.NaN,
  ) as [number, number, number];
  if (!Number.isSafeInteger(op + admin + weight))
    throw new Error(`expected the state of ${server}, found none`);
  return { isUp: op === 2, maint: (admin & anyMaint) !== 0, drain: (admin & anyDrain) !== 0, weight };
}

/** Of SRV_ADMF_*: forced, inherited, by configuration, by resolution. */
const anyMaint = 0x01 | 0x02 | 0x04 | 0x20;
const anyDrain = 0x08 | 0x10;

function ask(runtime: string, line: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { host, port } = splitAddress(runtime);
  const socket = runtime.startsWith("/")
    ? connect(runtime)
    : connect({ host: host.replace(/^\[|\]$/g, ""), port, noDelay: true });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  let text = "";
  socket.setEncoding("utf8");
  socket.on("connect", () => socket.end(`${line}\n`));
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > answerBytesMax) socket.destroy(new Error("its answer is too large"));
  });
  socket.on("error", reject);
  socket.on("close", () => resolve(text));
  return promise.finally(() => clearTimeout(timer));
}
