export type ServerSentEvent = { id: string | null; event: string; data: string };

/**
 * Server-sent events out of a byte stream (WHATWG HTML, section 9.2.6), as much of it as Locum sends: id, event, data,
 * comments. An event larger than `eventCharsMax` ends the stream with an error: whoever sends that is no collector.
 */
export async function* eventStream(
  bytes: AsyncIterable<Uint8Array>,
  { eventCharsMax = 4_194_304 }: { eventCharsMax?: number } = {},
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  let event = emptyEvent();
  let size = 0;
  for await (const chunk of bytes) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split(/\r\n|\n|\r(?=.)/s);
    text = lines.pop() ?? "";
    for (const line of lines) {
      size += line.length;
      if (line !== "") readField(event, line);
      else {
        if (event.data.length > 0) yield { id: event.id, event: event.event, data: event.data.join("\n") };
        event = emptyEvent();
        size = 0;
      }
    }
    if (size + text.length > eventCharsMax) throw new Error(`an event is larger than ${eventCharsMax}`);
  }
}

type Parsed = { id: string | null; event: string; data: string[] };
const emptyEvent = (): Parsed => ({ id: null, event: "message", data: [] });

function readField(event: Parsed, line: string): void {
  const colon = line.indexOf(":");
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (name === "data") event.data.push(value);
  else if (name === "event") event.event = value;
  else if (name === "id" && !value.includes("\0")) event.id = value;
}
