import type { WireDefect, WireStream } from "@locum/serving";

/** A streamed answer as it is read beside its way to the client: what is wrong with it, and its pace. */
export type AnswerStream = {
  readonly reader: WireStream;
  readonly listener: StreamListener;
  /** Tokens, events or messages until now. */
  items: number;
  /** When the last of them came; before the first, since when only the server's work is missing. */
  movedAtMs: number;
  /** Only the first defect is told. */
  defect: WireDefect | undefined;
  /** The reader threw, which it promises not to: it is asked no more. */
  isBlind: boolean;
};

export type StreamListener = {
  onToken(first: boolean, ms: number): void;
  onDefect(defect: WireDefect): void;
  /** The reader broke its promise. */
  onBlind(): void;
};

export function openStream(reader: WireStream, sinceMs: number, listener: StreamListener): AnswerStream {
  return { reader, listener, items: 0, movedAtMs: sinceMs, defect: undefined, isBlind: false };
}

/** True where the piece held a token: a comment that keeps the connection alive shows no work of the model. */
export function readPiece(stream: AnswerStream, piece: Uint8Array, nowMs: number): boolean {
  const { reader, listener } = stream;
  const items = ask(stream, () => {
    tellFirst(stream, reader.push(piece));
    return reader.items();
  });
  if (items === undefined || items <= stream.items) return false;
  listener.onToken(stream.items === 0, nowMs - stream.movedAtMs);
  stream.items = items;
  stream.movedAtMs = nowMs;
  return true;
}

/** The transport says that all has come. */
export function endStream(stream: AnswerStream): WireDefect | undefined {
  const defect = ask(stream, () => stream.reader.end());
  tellFirst(stream, defect);
  return defect;
}

/** The protocol's own word for an answer that breaks off, if it has one. */
export function cutStream(stream: AnswerStream): Uint8Array | undefined {
  return ask(stream, () => stream.reader.cut());
}

function tellFirst(stream: AnswerStream, defect: WireDefect | undefined): void {
  if (!defect || stream.defect) return;
  stream.defect = defect;
  stream.listener.onDefect(defect);
}

function ask<T>(stream: AnswerStream, question: () => T): T | undefined {
  if (stream.isBlind) return undefined;
  try {
    return question();
  } catch {
    stream.isBlind = true;
    stream.listener.onBlind();
    return undefined;
  }
}
