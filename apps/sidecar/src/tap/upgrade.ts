import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AnswerHead } from "./answer-head.ts";
import { writeRefusal } from "./deliver.ts";
import type { Exchange } from "./exchange.ts";
import { hopHeader } from "./hop-headers.ts";
import type { TapCore } from "./tap-core.ts";
import type { Target } from "./target.ts";

/** Whether an Upgrade is one for the model server. `h2c` is an offer that may be ignored, and every Java client makes it. */
export function wantsTunnel(req: IncomingMessage): boolean {
  const offered = (req.headers.upgrade ?? "").toLowerCase();
  return req.method === "GET" && !offered.split(",").some((token) => token.trim().startsWith("h2"));
}

/**
 * Asks the target for the upgrade and, once it agrees, joins the two sockets. What it answers instead goes to the
 * client and ends the connection: bytes behind a declined upgrade would otherwise reach the server unseen.
 */
export function tunnel(core: TapCore, req: IncomingMessage, client: Duplex, early: Buffer): void {
  client.on("error", () => client.destroy());
  const { own, others } = core.deps.route();
  const [first, ...rest] = [own, ...(req.headers[hopHeader] === undefined ? others : [])].filter(
    (it) => it !== undefined,
  );
  const reason = core.deps.fenced() ? "fenced" : first ? "" : "no-fit-instance";
  if (reason !== "" || !first) return refuseTunnel(core, req, client, 503, reason);
  ask(core, req, client, early, first, rest);
}

function ask(
  core: TapCore,
  req: IncomingMessage,
  client: Duplex,
  early: Buffer,
  target: Target,
  rest: Target[],
): void {
  let res: ServerResponse | undefined;
  const request = {
    method: req.method ?? "GET",
    url: req.url ?? "/",
    rawHeaders: req.rawHeaders,
    hasBody: false,
    chunked: false,
    expects: false,
    upgrade: true,
    idempotent: false,
  };
  const exchange: Exchange = core.upstreams.open(
    target,
    request,
    {
      onInformation() {},
      onHead(head) {
        res = answerOn(req, client);
        res.on("drain", () => exchange.resume());
        res.writeHead(head.status, head.reason, rawWithoutConnection(head));
      },
      onData: (chunk) => void (res?.write(chunk) === false && exchange.pause()),
      onEnd: () => void res?.end(),
      onTurn() {},
      onDrain() {},
      onUpgrade(head, bytes, upstream) {
        client.off("close", gone);
        join(client, upstream, head, bytes, early);
      },
      onFault({ kind, sent }) {
        const [next, ...further] = rest;
        if (res) return void client.destroy();
        client.off("close", gone);
        if (!sent && next) ask(core, req, client, early, next, further);
        else refuseTunnel(core, req, client, 502, kind);
      },
    },
    { fresh: true },
  );
  const gone = () => exchange.abort();
  client.once("close", gone);
}

function join(client: Duplex, upstream: Socket, head: AnswerHead, bytes: Buffer, early: Buffer): void {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let i = 0; i < head.rawHeaders.length; i += 2)
    text += `${head.rawHeaders[i]}: ${head.rawHeaders[i + 1]}\r\n`;
  client.write(`${text}\r\n`, "latin1");
  if (bytes.length > 0) client.write(bytes);
  if (early.length > 0) upstream.write(early);
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => client.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
}

function refuseTunnel(
  core: TapCore,
  req: IncomingMessage,
  client: Duplex,
  status: number,
  reason: string,
): void {
  core.counters.refusals += 1;
  writeRefusal(answerOn(req, client), status, reason, core.deps.stamp());
}

/** Node gives no answer object with an upgrade: this is one for the client's socket, which it then closes. */
function answerOn(req: IncomingMessage, client: Duplex): ServerResponse {
  const res = new ServerResponse(req);
  res.sendDate = false;
  res.shouldKeepAlive = false;
  // A net.Socket unless the server was given connections of another kind; Node's own types say Duplex.
  res.assignSocket(client as Socket);
  res.on("finish", () => client.end());
  return res;
}

function rawWithoutConnection(head: AnswerHead): string[] {
  const headers: string[] = [];
  for (let i = 0; i < head.rawHeaders.length; i += 2) {
    const name = head.rawHeaders[i] ?? "";
    if (!/^(?:connection|keep-alive)$/i.test(name)) headers.push(name, head.rawHeaders[i + 1] ?? "");
  }
  return headers;
}
