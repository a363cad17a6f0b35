import type { IncomingMessage } from "node:http";
import { Fault } from "@locum/contracts";

/**
 * The whole body of a request.
 * @throws Fault body-too-large; whatever a connection that breaks throws
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > bytesMax) throw tooLarge(bytesMax, "more");
    parts.push(part);
  }
  return Buffer.concat(parts, length).toString("utf8");
}

export const tooLarge = (bytesMax: number, found: string): Fault =>
  new Fault("body-too-large", `expected a body of at most ${bytesMax} bytes, found ${found}`, {
    hint: "No object of Kubernetes is as large as that.",
  });
