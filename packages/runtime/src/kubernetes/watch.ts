import type { IncomingMessage } from "node:http";
import { Fault } from "@locum/contracts";
import type { Access } from "./access.ts";
import { readText, send } from "./exchange.ts";
import { queryOf } from "./query-of.ts";
import type { KubeObject } from "./resource.ts";
import { isExpired, type StatusBody, statusFault } from "./status-fault.ts";

export type WatchEvent =
  | { kind: "added" | "modified" | "deleted"; object: KubeObject }
  /** Nothing happened up to this resourceVersion: resume from here. */
  | { kind: "bookmark"; resourceVersion: string }
  /** The resourceVersion asked for is gone: list again. Always the last event. */
  | { kind: "expired" };

export type WatchOptions = {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Where to go on from: that of a list, an object or a bookmark. */
  resourceVersion?: string | undefined;
  /** The server ends the watch after this, without a fault. */
  seconds?: number;
  signal?: AbortSignal | undefined;
};

const lineBytesMax = 16 * 1024 * 1024;
/** Beyond its own end: then the connection is dead, and nobody has told us. */
const graceMs = 10_000;

/**
 * One watch, until the server or the signal ends it. Reads only as fast as its events are taken. Each has a connection
 * of its own: it would else hold one of those that short calls share.
 * @throws Fault upstream-unreachable (resume), and what a call throws
 */
export async function* watch(
  access: Access,
  path: string,
  { seconds = 240, signal, ...selectors }: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const query = queryOf({
    watch: "true",
    allowWatchBookmarks: "true",
    timeoutSeconds: String(seconds),
    ...selectors,
  });
  const deadline = AbortSignal.timeout(seconds * 1000 + graceMs);
  const until = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const what = `WATCH ${path}`;
  let answer: IncomingMessage | undefined;
  try {
    answer = await send(access, undefined, { method: "GET", path: path + query, signal: until });
    const status = answer.statusCode ?? 0;
    if (status === 410) return yield { kind: "expired" };
    if (status !== 200) throw statusFault(status, jsonOr(await readText(answer, lineBytesMax)), what);
    for await (const line of linesOf(answer)) {
      const event = eventOf(line, what);
      yield event;
      if (event.kind === "expired") return;
    }
  } catch (error) {
    if (signal?.aborted || error instanceof Fault) throw error;
    throw new Fault("upstream-unreachable", `${what}: ${(error as Error).message}`, {
      hint: "The watch broke off; it is resumed from where it was.",
      cause: error,
    });
  } finally {
    answer?.destroy();
  }
}

/** Whole lines, each bounded; a part of a line at the end is dropped. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end));
      yield Buffer.concat(parts).toString("utf8");
      parts = [];
      length = 0;
      rest = rest.subarray(end + 1);
    }
    length += rest.length;
    if (length > lineBytesMax)
      throw new Fault(
        "upstream-protocol",
        `expected lines of at most ${lineBytesMax} bytes, found a longer one`,
      );
    if (rest.length > 0) parts.push(rest);
  }
}

const kinds: Record<string, "added" | "modified" | "deleted"> = {
  ADDED: "added",
  MODIFIED: "modified",
  DELETED: "deleted",
};

function eventOf(line: string, what: string): WatchEvent {
  const { type, object } = (jsonOr(line) ?? {}) as { type?: unknown; object?: KubeObject & StatusBody };
  if (typeof object !== "object" || object === null)
    throw new Fault("upstream-protocol", `${what}: expected an event, found "${line.slice(0, 40)}"`);
  // A compacted resourceVersion is answered with 200 and this event, not with 410.
  if (type === "ERROR") {
    if (isExpired(0, object)) return { kind: "expired" };
    throw statusFault(typeof object.code === "number" ? object.code : 500, object, what);
  }
  const kind = kinds[String(type)];
  if (kind !== undefined) return { kind, object };
  return { kind: "bookmark", resourceVersion: String(object.metadata?.resourceVersion ?? "") };
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
