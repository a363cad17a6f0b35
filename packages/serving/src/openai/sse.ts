import { createParser } from "eventsource-parser";

/** Events of one answer are small; a whole answer repeated in the last one (responses API) is not. In UTF-16 units. */
const eventMax = 4 * 1024 * 1024;

export type SseReader = {
  /** Undefined, or why nothing more will be read. */
  push(piece: Uint8Array): string | undefined;
  /** Gives out an event that the end left open. */
  end(): string | undefined;
};

/** Server-sent events out of bytes in any pieces. Keeps at most one event; past a break it does nothing any more. */
export function readSse(onEvent: (data: string, name: string | undefined) => void): SseReader {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let broken: string | undefined;
  const parser = createParser({
    maxBufferSize: eventMax,
    onEvent: ({ data, event }) => onEvent(data, event),
    onError({ type }) {
      if (type === "max-buffer-size-exceeded") broken = `an event of more than ${eventMax} characters`;
    },
  });
  const feed = (decode: () => string): string | undefined => {
    if (broken !== undefined) return broken;
    try {
      parser.feed(decode());
    } catch {
      broken ??= "not UTF-8";
    }
    return broken;
  };
  return {
    push: (piece) => feed(() => decoder.decode(piece, { stream: true })),
    end: () => feed(() => `${decoder.decode()}\n\n`),
  };
}
