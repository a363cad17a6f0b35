import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AnswerHead } from "./answer-head.ts";
import type { Exchange, ExchangeFault } from "./exchange.ts";
import { hopHeader } from "./hop-headers.ts";
import { writeRefusal } from "./http1-client.ts";
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
  client.on("close", () => core.tunnels.delete(client));
  core.tunnels.add(client);
  const { own, others } = core.deps.route();
  const targets = req.headers[hopHeader] === undefined ? [own, ...others] : [own];
  const tunnelled = { core, req, client, early };
  if (core.deps.fenced()) refuseTunnel(tunnelled, 503, "fenced");
  else
    askNext(
      tunnelled,
      targets.filter((it) => it !== undefined),
      { status: 503, reason: "no-fit-instance" },
    );
}

type Tunnelled = { core: TapCore; req: IncomingMessage; client: Duplex; early: Buffer };

/** The next target is asked only where nothing can have reached the one before. */
function askNext(
  tunnelled: Tunnelled,
  [target, ...rest]: Target[],
  { status, reason }: { status: number; reason: string },
): void {
  if (!target) return refuseTunnel(tunnelled, status, reason);
  const refused = { status: 502, reason: "refused" };
  try {
    ask(tunnelled, target, ({ kind, sent }) =>
      sent ? refuseTunnel(tunnelled, 502, kind) : askNext(tunnelled, rest, refused),
    );
  } catch {
    askNext(tunnelled, rest, refused);
  }
}

function ask(
  { core, req, client, early }: Tunnelled,
  target: Target,
  onFailed: (fault: ExchangeFault) => void,
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
      onFault(fault) {
        client.off("close", gone);
        if (res) client.destroy();
        else onFailed(fault);
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

function refuseTunnel({ core, req, client }: Tunnelled, status: number, reason: string): void {
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
  res.on("finish", () => {
    client.end();
    setTimeout(() => client.destroy(), closeMs).unref();
  });
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

const closeMs = 2_000;
