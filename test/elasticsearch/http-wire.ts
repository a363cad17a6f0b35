import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Answer } from "./answers.ts";
import type { FamilyTraits } from "./family.ts";
import { lieAbout } from "./lie-about.ts";
import type { Lie } from "./mishap.ts";

/** What a server takes: 100 MiB, `http.max_content_length`. */
const bodyBytesMax = 104_857_600;

/** Undefined where it is larger than a server takes. */
export async function readText(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  return bytes > bodyBytesMax ? undefined : Buffer.concat(chunks).toString("utf8");
}

/** The answer as bytes: the true one, a lie, or the half of it before the connection breaks. */
export function send(
  response: ServerResponse,
  { status, body, headers = {} }: Answer,
  { traits, lie, isHalf }: { traits: FamilyTraits; lie: Lie | undefined; isHalf: boolean },
): void {
  const [name, value] = traits.productHeader;
  const truth = typeof body === "string" ? body : JSON.stringify(body);
  const text = lie === undefined ? truth : lieAbout(body, lie);
  response.writeHead(status, {
    [name]: value,
    "content-type": lie === "html" ? "text/html" : "application/json",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  if (isHalf) response.write(text.slice(0, Math.floor(text.length / 2)), () => cut(response.socket));
  else response.end(text);
}

export function cut(socket: Socket | null): void {
  socket?.destroy();
}
