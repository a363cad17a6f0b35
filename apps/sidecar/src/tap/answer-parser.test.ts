import fc from "fast-check";
import { expect, test } from "vitest";
import type { AnswerHead } from "./answer-head.ts";
import { beginAnswer, createAnswerParser, finishAnswer, pushAnswer } from "./answer-parser.ts";

type Read = {
  heads: { status: number; reason: string; rawHeaders: string[] }[];
  body: string;
  trailers: string[] | undefined;
  wellFormed: boolean;
};

/** Reads one answer, cut at the given offsets. */
function read(bytes: Buffer, cuts: number[] = [], { bodyless = false, maxHeadBytes = 1_000 } = {}): Read {
  const parser = createAnswerParser(maxHeadBytes);
  const result: Read = { heads: [], body: "", trailers: undefined, wellFormed: true };
  const note = ({ status, reason, rawHeaders }: AnswerHead) =>
    result.heads.push({ status, reason, rawHeaders });
  beginAnswer(
    parser,
    {
      onInformation: note,
      onHead: note,
      onData(chunk) {
        result.body += chunk.toString("latin1");
      },
      onEnd(trailers) {
        result.trailers = trailers;
      },
      onUpgrade: note,
    },
    { bodyless, upgrade: false },
  );
  const edges = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  let from = 0;
  for (const to of edges) {
    if (!result.wellFormed) break;
    result.wellFormed = pushAnswer(parser, bytes.subarray(from, to));
    from = to;
  }
  if (result.wellFormed) finishAnswer(parser);
  return result;
}

const readText = (text: string, options = {}) => read(Buffer.from(text, "latin1"), [], options);

const name = fc
  .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
  .filter((it) => !framing.has(it.toLowerCase()));
const framing = new Set(["connection", "keep-alive", "content-length", "transfer-encoding"]);
const value = fc.stringMatching(/^(?:[!-~\u00a1-\u00ff](?:[ -~\u00a1-\u00ff]{0,20}[!-~\u00a1-\u00ff])?)?$/);
const headers = fc.array(fc.tuple(name, value), { maxLength: 6 });
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const status = fc.constantFrom(200, 201, 299, 400, 404, 500, 503, 799);
const cuts = fc.array(fc.nat(1_200), { maxLength: 30 });
const lines = (list: [string, string][]) => list.map(([n, v]) => `${n}: ${v}\r\n`).join("");

test("every well-formed answer is read as written, wherever the bytes are cut", () => {
  const answer = fc.record({
    status,
    headers,
    body,
    trailers: headers,
    pieces: fc.array(fc.integer({ min: 1, max: 80 })),
  });
  fc.assert(
    fc.property(answer, fc.constantFrom("length", "chunked", "close"), cuts, (it, framed, at) => {
      let wire = `HTTP/1.1 ${it.status} Fine\r\n${lines(it.headers)}`;
      if (framed === "length") wire += `Content-Length: ${it.body.length}\r\n\r\n${it.body}`;
      if (framed === "close") wire += `\r\n${it.body}`;
      if (framed === "chunked")
        wire += `Transfer-Encoding: chunked\r\n\r\n${chunks(it.body, it.pieces)}0\r\n${lines(it.trailers)}\r\n`;
      const result = read(Buffer.from(wire, "latin1"), at, { maxHeadBytes: 2_000 });
      expect(result.wellFormed).toBe(true);
      expect(result.heads.map((head) => head.status)).toEqual([it.status]);
      expect(result.heads[0]?.rawHeaders.slice(0, 2 * it.headers.length)).toEqual(it.headers.flat());
      expect(result.body).toBe(it.body);
      expect(result.trailers).toEqual(framed === "chunked" ? it.trailers.flat() : []);
    }),
  );
});

test("garbage and damaged answers never throw, and read the same wherever they are cut", () => {
  const damaged = fc
    .tuple(fc.constantFrom(...samples), fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }))
    .map(([text, hits]) => {
      const bytes = Buffer.from(text, "latin1");
      for (const [at, byte] of hits) bytes[at % bytes.length] = byte;
      return bytes;
    });
  const bytes = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 200 }).map((it) => Buffer.from(it)),
  );
  fc.assert(
    fc.property(bytes, cuts, (wire, at) => {
      const whole = read(wire);
      const cut = read(wire, at);
      expect(cut.wellFormed).toBe(whole.wellFormed);
      expect(cut.heads).toEqual(whole.heads);
      expect(cut.trailers).toEqual(whole.trailers);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"],
  [
    "length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na"],
  ["a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na"],
  ["chunks that are not last", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"],
  ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a folded line", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"],
  ["a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"],
  ["a header without a colon", "HTTP/1.1 200 OK\r\nX\r\n\r\n"],
  ["a bare line feed in a value", "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\n\r\n"],
  ["a NUL in a value", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n"],
  ["bytes behind the body", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"],
  ["bytes behind no body", "HTTP/1.1 204 OK\r\n\r\na"],
  ["a chunk size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"],
  [
    "a chunk size beyond exact integers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
  ],
  [
    "a chunk longer than its size",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
  ],
  ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(2_000)}`],
  [
    "a chunk extension without end",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${"a".repeat(5_000)}`,
  ],
  [
    "trailers without end",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${"a: b\r\n".repeat(500)}`,
  ],
  ["an upgrade nobody asked for", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["another version", "HTTP/2.0 200 OK\r\n\r\n"],
])("%s is refused", (_name, wire) => {
  expect(readText(wire).wellFormed).toBe(false);
});

test("informational answers come before the final one", () => {
  const wire =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
  const result = readText(wire);
  expect(result.heads.map((head) => head.status)).toEqual([100, 103, 200]);
  expect(result.body).toBe("a");
});

test("an answer to HEAD has no body, whatever its head says", () => {
  expect(readText("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", { bodyless: true }).trailers).toEqual([]);
});

function chunks(text: string, pieces: number[]): string {
  let wire = "";
  for (let at = 0, i = 0; at < text.length; i += 1) {
    const piece = text.slice(at, at + (pieces[i] ?? text.length));
    wire += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return wire;
}

const samples = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\n\r\nuntil close",
];
