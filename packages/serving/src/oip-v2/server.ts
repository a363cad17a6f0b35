import { Fault } from "@locum/contracts";
import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions } from "../model-server.ts";

/** What `GET /v2` says. Known names: triton, mlserver, kserve, "OpenVINO Model Server". */
export type ServerIdentity = { name: string; version?: string; extensions: string[] };

export async function identify(ask: Ask, options: CallOptions): Promise<ServerIdentity> {
  const said = await askJson(ask, { ...options, path: "/v2", answerBytesMax: 65_536 });
  if (!isObject(said) || typeof said.name !== "string" || !("version" in said || "extensions" in said)) {
    throw new Fault("upstream-protocol", "GET /v2: no server metadata");
  }
  return {
    name: said.name.slice(0, 128),
    ...(typeof said.version === "string" ? { version: said.version.slice(0, 128) } : {}),
    extensions: Array.isArray(said.extensions) ? said.extensions.map(String).slice(0, 256) : [],
  };
}
