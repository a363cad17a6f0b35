import { type AnswerHead, parseAnswerHead, parseHeaderLine } from "./answer-head.ts";
import { createDelimitedReader, type DelimitedReader } from "./delimited-reader.ts";

/** What a parsed answer is handed to, in this order: information*, head, data*, end. */
export type AnswerSink = {
  onInformation(head: AnswerHead): void;
  onHead(head: AnswerHead): void;
  onData(chunk: Buffer): void;
  onEnd(rawTrailers: string[]): void;
  /** The server agreed to another protocol: `rest` are its first bytes. Only where an upgrade was asked for. */
  onUpgrade(head: AnswerHead, rest: Buffer): void;
};

/** A strict reader of the HTTP/1.x answers of one connection. Slices are handed on without copying. */
export type AnswerParser = {
  phase: Phase;
  sink: AnswerSink | undefined;
  /** The request was HEAD. */
  bodyless: boolean;
  /** 101 is welcome. */
  upgrade: boolean;
  /** How much of `HTTP/1.` the head has shown. */
  begun: number;
  /** Bytes of the body or of the chunk still to come. */
  left: number;
  trailers: string[];
  trailerBytes: number;
  readonly reader: DelimitedReader;
  readonly maxHeadBytes: number;
};

type Phase =
  | "done"
  | "head"
  | "length"
  | "until-close"
  | "chunk-size"
  | "chunk-data"
  | "chunk-end"
  | "trailers"
  | "upgraded";

export function createAnswerParser(maxHeadBytes: number): AnswerParser {
  return {
    phase: "done",
    sink: undefined,
    bodyless: false,
    upgrade: false,
    begun: 0,
    left: 0,
    trailers: [],
    trailerBytes: 0,
    reader: createDelimitedReader(),
    maxHeadBytes,
  };
}

/** Expects one answer. */
export function beginAnswer(
  parser: AnswerParser,
  sink: AnswerSink,
  { bodyless, upgrade }: { bodyless: boolean; upgrade: boolean },
): void {
  parser.phase = "head";
  parser.sink = sink;
  parser.bodyless = bodyless;
  parser.upgrade = upgrade;
  parser.begun = 0;
  parser.trailers = [];
  parser.trailerBytes = 0;
  parser.reader.reset();
}

/** False where the bytes are no well-formed answer, or come when none is expected: the connection is spoilt. */
export function pushAnswer(parser: AnswerParser, chunk: Buffer): boolean {
  for (let at = 0; at < chunk.length; ) {
    at = step(parser, chunk, at);
    if (at < 0) return false;
    if (parser.phase === "upgraded") return true;
  }
  return true;
}

/** The connection ended. True where that completes the answer (a body whose length was not told). */
export function finishAnswer(parser: AnswerParser): boolean {
  if (parser.phase === "until-close") end(parser);
  return parser.phase === "done";
}

/** Returns the offset behind what was read, or -1 where the bytes are malformed. */
function step(parser: AnswerParser, chunk: Buffer, at: number): number {
  switch (parser.phase) {
    case "head":
      if (!beginsWell(parser, chunk, at)) return -1;
      return readText(parser, chunk, at, "\r\n\r\n", parser.maxHeadBytes, takeHead);
    case "length":
    case "chunk-data":
      return readBody(parser, chunk, at);
    case "until-close":
      parser.sink?.onData(at === 0 ? chunk : chunk.subarray(at));
      return chunk.length;
    case "chunk-size":
      return readText(parser, chunk, at, "\r\n", chunkLineBytesMax, takeChunkSize);
    case "chunk-end":
      return readText(parser, chunk, at, "\r\n", 2, takeChunkEnd);
    case "trailers":
      return readText(parser, chunk, at, "\r\n", parser.maxHeadBytes, takeTrailer);
    case "done":
    case "upgraded":
      return -1;
  }
}

/** Who speaks another protocol may never send the end of a head: it is known by its first bytes. */
function beginsWell(parser: AnswerParser, chunk: Buffer, at: number): boolean {
  for (let i = at; parser.begun < beginning.length && i < chunk.length; i += 1, parser.begun += 1) {
    if (chunk[i] !== beginning.charCodeAt(parser.begun)) return false;
  }
  return true;
}

type Take = (parser: AnswerParser, text: string, rest: Buffer, at: number) => boolean;

function readText(
  parser: AnswerParser,
  chunk: Buffer,
  at: number,
  delimiter: string,
  maxBytes: number,
  take: Take,
): number {
  const next = parser.reader.read(chunk, at, delimiter, maxBytes);
  if (next === "too-long") return -1;
  if (next === "more") return chunk.length;
  return take(parser, parser.reader.text(), chunk, next) ? next : -1;
}

function readBody(parser: AnswerParser, chunk: Buffer, at: number): number {
  const take = Math.min(parser.left, chunk.length - at);
  parser.left -= take;
  const ended = parser.left === 0;
  const whole = ended && parser.phase === "length";
  if (ended && parser.phase === "chunk-data") parser.phase = "chunk-end";
  parser.sink?.onData(take === chunk.length ? chunk : chunk.subarray(at, at + take));
  if (whole) end(parser);
  return at + take;
}

function takeHead(parser: AnswerParser, text: string, chunk: Buffer, at: number): boolean {
  const head = parseAnswerHead(text);
  if (!head) return false;
  if (head.status === 101) {
    if (!parser.upgrade) return false;
    parser.phase = "upgraded";
    parser.sink?.onUpgrade(head, chunk.subarray(at));
    return true;
  }
  if (head.status < 200) {
    parser.begun = 0;
    parser.sink?.onInformation(head);
    return true;
  }
  parser.phase = bodyPhase(head, parser.bodyless);
  parser.left = head.contentLength ?? 0;
  parser.sink?.onHead(head);
  if (parser.phase === "done") end(parser);
  return true;
}

function takeChunkSize(parser: AnswerParser, line: string): boolean {
  const size = chunkSizePattern.exec(line)?.[1];
  if (size === undefined) return false;
  parser.left = Number.parseInt(size, 16);
  parser.phase = parser.left === 0 ? "trailers" : "chunk-data";
  return true;
}

function takeChunkEnd(parser: AnswerParser, line: string): boolean {
  parser.phase = "chunk-size";
  return line === "";
}

function takeTrailer(parser: AnswerParser, line: string): boolean {
  if (line === "") {
    end(parser);
    return true;
  }
  parser.trailerBytes += line.length;
  const header = parseHeaderLine(line);
  if (!header || parser.trailerBytes > parser.maxHeadBytes) return false;
  parser.trailers.push(...header);
  return true;
}

function end(parser: AnswerParser): void {
  parser.phase = "done";
  parser.sink?.onEnd(parser.trailers);
}

function bodyPhase(head: AnswerHead, bodyless: boolean): Phase {
  if (bodyless || head.status === 204 || head.status === 304) return "done";
  if (head.chunked) return "chunk-size";
  if (head.contentLength === undefined) return "until-close";
  return head.contentLength === 0 ? "done" : "length";
}

const beginning = "HTTP/1.";
// Twelve hexadecimal digits stay exact; extensions are skipped, and bounded by the line's length.
const chunkSizePattern = /^([0-9a-fA-F]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const chunkLineBytesMax = 4_096;
