import { generateKeyPairSync, sign } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Act,
  type CollectorFrame,
  type CommandResult,
  canonicalJson,
  type Policy,
  type Report,
  type SidecarFrame,
} from "@locum/contracts";
import { type WebSocket, WebSocketServer } from "ws";

export type ScriptedCollector = {
  url: string;
  tokenFile: string;
  frames: SidecarFrame[];
  closes: number[];
  streams(): number;
  report(): Report | undefined;
  results(): CommandResult[];
  send(frame: CollectorFrame): void;
  sendRaw(data: string | Buffer): void;
  /** Orders something of the incarnation that is there, and waits for the answer. */
  order(
    act: Act,
    change?: { id?: string; term?: number; epoch?: number; incarnation?: string },
  ): Promise<CommandResult>;
  policy(policy: Partial<Policy>, options?: { forged?: boolean }): void;
  /** What the next acks say. */
  acks: { term: number; epoch: number; leaseMs: number | null; mayEject: boolean; on: boolean };
  close(): Promise<void>;
};

/** The collector's end of the stream, speaking the wire contract, and whatever a test wants it to say against it. */
export async function startScriptedCollector(dir: string): Promise<ScriptedCollector> {
  const token = "0123456789abcdef0123456789abcdef";
  const tokenFile = `${dir}/tokens.json`;
  await writeFile(tokenFile, JSON.stringify({ tokens: [{ name: "sidecar", role: "sidecar", token }] }), {
    mode: 0o600,
  });
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const stranger = generateKeyPairSync("ed25519").privateKey;
  const policyKey = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64");
  const http = createServer();
  const server = new WebSocketServer({ server: http });
  const sockets = new Set<WebSocket>();
  const frames: SidecarFrame[] = [];
  const closes: number[] = [];
  const acks = { term: 1, epoch: 1, leaseMs: null as number | null, mayEject: true, on: true };
  let serial = 0;
  let number = 0;
  let streams = 0;
  const send = (frame: CollectorFrame) => {
    for (const socket of sockets) socket.send(JSON.stringify(frame));
  };
  server.on("connection", (socket, request) => {
    if (request.headers.authorization !== `Bearer ${token}`) return socket.terminate();
    streams += 1;
    sockets.add(socket);
    socket.on("close", (code) => {
      closes.push(code);
      sockets.delete(socket);
    });
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString("utf8")) as SidecarFrame;
      frames.push(frame);
      const { on, ...ack } = acks;
      if (frame.kind === "hello") send({ kind: "welcome", version: 1, term: 1, policyKey });
      if (frame.kind === "report" && on) send({ kind: "ack", seq: frame.seq, sentMs: frame.sentMs, ...ack });
      if (frame.kind === "record") send({ kind: "recorded", seq: frame.seq });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const of = <K extends SidecarFrame["kind"]>(kind: K) =>
    frames.filter((frame): frame is Extract<SidecarFrame, { kind: K }> => frame.kind === kind);
  const results = () => of("result").map(({ result }) => result);
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    tokenFile,
    frames,
    closes,
    acks,
    streams: () => streams,
    report: () => of("report").at(-1)?.report,
    results,
    send,
    sendRaw(data) {
      for (const socket of sockets) socket.send(data);
    },
    async order(act, change = {}) {
      serial += 1;
      const id = change.id ?? `order-${serial}`;
      const incarnation = of("hello").at(-1)?.incarnation ?? "";
      const before = results().filter((result) => result.id === id).length;
      send({
        kind: "command",
        command: { id, term: 1, epoch: 1, incarnation, act, reason: "test", ...change },
      });
      const untilMs = performance.now() + 20_000;
      for (;;) {
        const found = results().filter((result) => result.id === id)[before];
        if (found) return found;
        if (performance.now() > untilMs) throw new Error(`${id} was not answered`);
        await new Promise(setImmediate);
      }
    },
    policy(change, { forged = false } = {}) {
      number += 1;
      const policy: Policy = { number, frozen: [], allWrong: "serve", paused: false, peers: [], ...change };
      const message = Buffer.from(`locum.dev/policy/v1\n${canonicalJson(policy)}`);
      const signature = sign(null, message, forged ? stranger : privateKey).toString("base64");
      send({ kind: "policy", signed: { policy, signature } });
    },
    async close() {
      for (const socket of sockets) socket.terminate();
      server.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
