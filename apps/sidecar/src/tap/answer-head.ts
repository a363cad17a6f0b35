export type AnswerHead = {
  status: number;
  reason: string;
  /** Name, value, name, value: order, case and duplicates as they came. */
  rawHeaders: string[];
  /** Undefined where the end of the body is told otherwise. */
  contentLength: number | undefined;
  chunked: boolean;
  /** Whether the server lets the connection carry another request. */
  keepAlive: boolean;
  /** How long the server says that it keeps an idle connection. */
  idleHintMs: number | undefined;
  /** Nothing follows it (HTTP/2 says so in the head itself). */
  endsStream?: boolean;
};

/**
 * Reads an answer head, without its closing empty line. Undefined where two readers could understand it
 * differently (RFC 9112: two lengths, length and chunked, folded lines, a space before the colon): guessing the
 * end of one answer would hand its rest to the next client.
 */
export function parseAnswerHead(text: string): AnswerHead | undefined {
  const lineEnd = text.indexOf("\r\n");
  const statusLine = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const match = statusPattern.exec(statusLine);
  if (!match) return undefined;
  const modern = match[1] === "1";
  const head: AnswerHead = {
    status: Number(match[2]),
    reason: match[3] ?? "",
    rawHeaders: [],
    contentLength: undefined,
    chunked: false,
    keepAlive: modern,
    idleHintMs: undefined,
  };
  for (let at = statusLine.length + 2; at < text.length; ) {
    const next = text.indexOf("\r\n", at);
    const end = next < 0 ? text.length : next;
    if (!readHeader(head, text.slice(at, end))) return undefined;
    at = end + 2;
  }
  if (head.chunked && (head.contentLength !== undefined || !modern)) return undefined;
  return head;
}

/** A header or trailer line as name and value, or undefined where it is malformed. */
export function parseHeaderLine(line: string): [name: string, value: string] | undefined {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  const value = line.slice(colon + 1).replace(edgeSpacePattern, "");
  return namePattern.test(name) && !forbiddenPattern.test(value) ? [name, value] : undefined;
}

function readHeader(head: AnswerHead, line: string): boolean {
  const header = parseHeaderLine(line);
  if (!header) return false;
  const [name, value] = header;
  head.rawHeaders.push(name, value);
  switch (name.length) {
    case 10: {
      const lower = name.toLowerCase();
      if (lower === "connection") readConnection(head, value.toLowerCase());
      if (lower === "keep-alive") head.idleHintMs = readIdleHint(value);
      return true;
    }
    case 14: {
      if (name.toLowerCase() !== "content-length") return true;
      if (head.contentLength !== undefined || !lengthPattern.test(value)) return false;
      head.contentLength = Number(value);
      return true;
    }
    case 17: {
      if (name.toLowerCase() !== "transfer-encoding") return true;
      if (head.chunked || !chunkedLastPattern.test(value)) return false;
      head.chunked = true;
      return true;
    }
  }
  return true;
}

function readConnection(head: AnswerHead, value: string): void {
  const tokens = value.split(",").map((token) => token.trim());
  if (tokens.includes("close")) head.keepAlive = false;
  else if (tokens.includes("keep-alive")) head.keepAlive = true;
}

function readIdleHint(value: string): number | undefined {
  const seconds = idlePattern.exec(value)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

// Bytes are decoded as Latin-1, so that obs-text goes through unchanged.
const statusPattern = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const forbiddenPattern = /[^\t\x20-\x7e\x80-\xff]/;
const edgeSpacePattern = /^[\t ]+|[\t ]+$/g;
// Fifteen digits stay below the largest exact integer.
const lengthPattern = /^\d{1,15}$/;
const chunkedLastPattern = /^(?:[\w-]+[\t ]*,[\t ]*)*chunked$/i;
const idlePattern = /(?:^|[,;\s])timeout=(\d{1,6})/i;
