import type { Socket } from "node:net";
import type { AnswerHead } from "./answer-head.ts";
import type { AnswerSink } from "./answer-parser.ts";

/** How a try can fail below HTTP, or by an answer that is none of it (`malformed`). `refused` and a `timeout` of the connect mean that nothing was sent. */
export type ExchangeFault = {
  kind: "refused" | "timeout" | "reset" | "truncated" | "malformed";
  sent: boolean;
  /** The server had probably closed the idle connection before it saw the request: no fault of the instance. */
  stale: boolean;
  detail: string;
  /** The target ended this one exchange by a code, and goes on itself (HTTP/2). */
  resetCode?: number;
};

/** What the one who asked hears. After `onEnd`, `onFault` or `onUpgrade` nothing follows. Never called before `open` returned. */
export type ExchangeSink = Omit<AnswerSink, "onEnd" | "onUpgrade"> & {
  /** `status`: where the end of the answer tells another than its head did (gRPC). */
  onEnd(trailers: string[], status?: number): void;
  /** The server agreed to another protocol: the socket and its first bytes now belong to the one who asked. */
  onUpgrade(head: AnswerHead, rest: Buffer, socket: Socket): void;
  /** All bytes that had arrived have been handed over: a good moment to flush. */
  onTurn(): void;
  /** The upload may go on after `write` returned false. */
  onDrain(): void;
  onFault(fault: ExchangeFault): void;
};

/** One request and its answer on a connection to a target. */
export type Exchange = {
  /** False: the connection is full, wait for `onDrain`. */
  write(chunk: Buffer): boolean;
  end(rawTrailers: string[]): void;
  pause(): void;
  resume(): void;
  /** Nobody waits any more. An HTTP/1.1 server learns that by a closed connection, an HTTP/2 server by `code`. */
  abort(code?: number): void;
};
