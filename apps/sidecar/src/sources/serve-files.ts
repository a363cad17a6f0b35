import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { assert, type Digest, Fault } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import { type LiveFile, type LiveTree, openLiveFile, type Pace } from "@locum/snapshot";
import type { GivingGate } from "./giving-gate.ts";

export type PeerTls = { ca: string; cert: string; key: string };

const pieceBytes = 1_048_576;
const pathPattern = /^\/v1\/trees\/([0-9a-f]{64})\/files\/(.{1,4096})$/;
/** Streams of one restore, of a few peers. */
const connectionsMax = 64;
/** Who takes nothing for so long gets nothing more: an open file and a connection wait for him. */
const idleMs = 15_000;

/**
 * Gives peers the live files of this instance, and nothing else: of the tree that was hashed and that an approved release
 * owns, by a path that is looked up in it. Whoever has no certificate of the peers' own authority is not spoken to. What
 * is read is not compared here; who asks compares, and believes nothing.
 */
export function createFilesServer({
  tls,
  dir,
  live,
  isApproved,
  gate,
  pace,
  log,
}: {
  tls: PeerTls;
  dir: string;
  live: () => LiveTree | null;
  isApproved: (tree: Digest) => boolean;
  gate: GivingGate;
  pace: Pace;
  log: Log;
}): Server {
  const server = createServer(
    {
      ...tls,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3",
      requestTimeout: 10_000,
      headersTimeout: 10_000,
      keepAliveTimeout: 30_000,
      maxHeaderSize: 8192,
    },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        const isExpected = error instanceof Fault || response.destroyed;
        if (!isExpected) log("error", "a peer's request failed unexpectedly", { error });
        if (response.headersSent || response.destroyed) response.destroy();
        else refuse(response, error instanceof Fault && error.code === "not-found" ? 404 : 409);
      });
    },
  );
  server.maxConnections = connectionsMax;
  server.timeout = idleMs;
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, hex, encoded = ""] = pathPattern.exec(request.url ?? "") ?? [];
    const tree = live();
    const digest = `sha256:${hex}`;
    if (request.method !== "GET") return refuse(response, 405);
    if (!hex || !tree || tree.tree.digest !== digest || !isApproved(digest)) return refuse(response, 404);
    if (!gate.mayGive()) return refuse(response, 503);
    const file = await openLiveFile({ dir, live: tree, path: decoded(encoded) });
    try {
      const range = rangeOf(request.headers.range, file.size);
      if (!range) return refuse(response, 416);
      await send(file, range, response);
    } finally {
      await file.close();
    }
  }

  async function send(file: LiveFile, { start, end }: Range, response: ServerResponse): Promise<void> {
    response.writeHead(206, {
      "content-type": "application/octet-stream",
      "content-length": end - start,
      "content-range": `bytes ${start}-${end - 1}/${file.size}`,
      "cache-control": "no-store",
    });
    // Two rooms in turn: one is read into while the other is sent, and none is made anew.
    const rooms = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)].map((room) => ({
      room,
      sent: Promise.resolve(),
    }));
    for (let at = start, turn = 0; at < end; turn = 1 - turn) {
      const length = Math.min(pieceBytes, end - at);
      await pace(length);
      await gate.untilMayGive();
      const one = rooms[turn];
      assert(one, "two rooms");
      await one.sent;
      if (response.destroyed) return;
      const piece = one.room.subarray(0, length);
      if ((await file.read(piece, at)) !== length) throw new Fault("tree-changed", "the file became shorter");
      gate.gave();
      one.sent = sent(response, piece);
      at += length;
    }
    if (!(await file.isSame())) throw new Fault("tree-changed", "the file was written while it was read");
    response.end();
  }
}

type Range = { start: number; end: number };

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-length": 0, ...(status === 503 ? { "retry-after": "1" } : {}) });
  response.end();
}

/** Resolves when the system has it, or nobody wants it any more. */
const sent = (response: ServerResponse, piece: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    const over = (): void => {
      response.off("close", over);
      resolve();
    };
    response.once("close", over);
    response.write(piece, over);
  });

/** @throws Fault not-found */
function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new Fault("not-found", "no such file in this tree");
  }
}

/** One range, as `bytes=FIRST-LAST`; undefined for any other, or one that lies outside of the file. */
function rangeOf(header: string | undefined, size: number): Range | undefined {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header ?? "") ?? [];
  const [start, end] = [Number(first), Number(last) + 1];
  return start < end && end <= size ? { start, end } : undefined;
}
