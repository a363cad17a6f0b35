import type { IncomingHttpHeaders } from "node:http";
import { plainBodySync } from "../http/plain-body.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import type { WireLook } from "../wire.ts";

const bodyBytesMax = 8 * 1024 * 1024;

/** What a generation may do beside answering, and where it stands in a conversation that the server keeps. */
const acting = [
  "tools",
  "functions",
  "mcp_servers",
  "web_search_options",
  "plugins",
  "background",
  "previous_response_id",
  "conversation",
  "conversation_id",
  "session",
  "session_id",
  "session_params",
  "thread_id",
  "chat_id",
  "container",
  "id_slot",
];

/** Sampling twice does no harm. A tool called twice may, and so may an answer stored twice. */
export function lookOpenai(headers: IncomingHttpHeaders, body: Uint8Array): WireLook {
  const said = requestOf(headers, body);
  if (!said) return { model: undefined, repeatable: false };
  const model = typeof said.model === "string" ? said.model.slice(0, 1024) : undefined;
  const prompted = said.messages !== undefined || said.prompt !== undefined;
  // The responses API stores what it is not told to forget; the others store what they are told to keep.
  const stores = prompted ? said.store === true : said.store !== false;
  return { model, repeatable: !stores && actsBeyond(said) === undefined };
}

/** The first field that makes a request do more than answer. */
export const actsBeyond = (request: Record<string, unknown>): string | undefined =>
  acting.find((name) => isGiven(request[name]));

function requestOf(headers: IncomingHttpHeaders, body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const plain = plainBodySync(headers, body, bodyBytesMax);
    const said = "body" in plain ? readJson(plain.body, "request-invalid") : undefined;
    return isObject(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
