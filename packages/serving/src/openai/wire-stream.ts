import { readJsonText } from "../json/read-json.ts";
import type { WireDefect, WireStream } from "../wire.ts";
import { judgeOpenai } from "./judge.ts";
import { readOpenaiPiece } from "./piece.ts";
import { readSse } from "./sse.ts";

/** One streamed answer. The first defect is told once, with the piece that shows it; then items are only counted. */
export function streamOpenai(model: string | undefined): WireStream {
  const judge = judgeOpenai({ model });
  let items = 0;
  let isDone = false;
  let isEnding = false;
  let defect: WireDefect | undefined;
  let isTold = false;
  /** The last bytes, in a ring: what the server left open shows in them. */
  const last = new Uint8Array(4);
  let bytes = 0;

  const reader = readSse((data, name) => {
    if (isDone || data === "") return;
    if (data === "[DONE]") {
      isDone = true;
      return;
    }
    let said: unknown;
    try {
      said = readJsonText(data, "upstream-protocol");
    } catch {
      // Events by other names are extensions, with contents of their own. The last one may have been cut.
      if (isEnding) defect ??= { kind: "truncated", detail: "the stream ends inside an event" };
      else if (name === undefined || name === "message")
        defect ??= { kind: "malformed", detail: "an event that is no JSON" };
      return;
    }
    const piece = readOpenaiPiece(said);
    if (!piece) return;
    items += piece.choices.length;
    defect ??= judge.take(piece);
  });

  function told(): WireDefect | undefined {
    if (!defect || isTold) return undefined;
    isTold = true;
    return defect;
  }

  return {
    push(piece) {
      for (let at = Math.max(0, piece.length - last.length); at < piece.length; at++)
        last[(bytes + at) % last.length] = piece[at] ?? 0;
      bytes += piece.length;
      const broken = reader.push(piece);
      if (broken !== undefined) {
        // What cannot be read any more still shows that the server works.
        items++;
        defect ??= { kind: "malformed", detail: broken };
      }
      return told();
    },
    end() {
      isEnding = true;
      reader.end();
      const isWhole = judge.isFinished() || (isDone && items === 0);
      defect ??=
        judge.end() ??
        (isWhole ? undefined : { kind: "truncated", detail: "the stream ends without a finish_reason" });
      return told();
    },
    items: () => items,
    cut: () => (isDone ? undefined : Buffer.from(`${closing(tailOf(last, bytes))}data: ${cutError}\n\n`)),
  };
}

/** What the official clients raise as an error of the API. */
const cutError = JSON.stringify({
  error: {
    message: "the model server broke off this answer",
    type: "server_error",
    param: null,
    code: "upstream_cut",
  },
});

function tailOf(last: Uint8Array, bytes: number): string {
  const length = Math.min(bytes, last.length);
  const codes = Array.from({ length }, (_, at) => last[(bytes - length + at) % last.length] ?? 0);
  return String.fromCharCode(...codes);
}

/** Ends the line and the event that the server left open, so that the error is an event of its own. */
function closing(tail: string): string {
  if (tail === "" || /(\n\r?\n|\r\r\n?)$/.test(tail)) return "";
  return /[\r\n]$/.test(tail) ? "\n" : "\n\n";
}
