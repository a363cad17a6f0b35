import type { IncomingMessage } from "node:http";
import type { AnswerHead } from "./answer-head.ts";

/** A client's request as the rest of the tap needs it, whatever version of HTTP it came by. */
export type ClientRequest = Pick<IncomingMessage, "headers" | "rawHeaders" | "rawTrailers"> & {
  method?: string | undefined;
  /** As it stood in the request line, absolute form included. */
  url?: string | undefined;
  pause(): unknown;
  resume(): unknown;
};

/** How an answer goes out to one client. In order: `head`, any number of `write`, then `end` or `cut`; or `refuse` alone. */
export type ClientSide = {
  /** The status that the client was told; 0 while there is none. */
  status(): number;
  /** 1xx, while no answer has begun. */
  inform(head: AnswerHead): void;
  head(head: AnswerHead): void;
  /** False: the client is slow, wait for it. */
  write(chunk: Buffer): boolean;
  /** A head that came alone goes out at once. */
  flush(): void;
  end(chunk: Buffer | undefined, rawTrailers: string[]): void;
  /** Ends a half-delivered answer so that no client can take it for a whole one. `lastWord`: the protocol's own error. */
  cut(lastWord: Uint8Array | undefined, cause: CutCause): void;
  /** An answer of our own. */
  refuse(status: RefusalStatus, reason: string, cause: CutCause): void;
};

export type RefusalStatus = 500 | 502 | 503 | 504;

/** `resetCode`: with which the target itself ended this one stream, where its protocol says so (HTTP/2). */
export type CutCause = { resetCode: number | undefined; requestId?: string | undefined };
