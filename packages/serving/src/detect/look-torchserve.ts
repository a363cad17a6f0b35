import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { portsAbove } from "../http/ports-above.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions } from "../model-server.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";
import { pingStatus } from "../torchserve/adapter.ts";
import { listWithStates, openManagement } from "../torchserve/management.ts";
import type { Look } from "./look.ts";

const bytesMax = 4 * 1024 * 1024;

/**
 * TorchServe: a ping in its words, and its own description of its API or its management port. Many programs answer a
 * ping; neither of the other two alone says where inference is.
 */
export function lookTorchserve(base: string, managementUrl: string | undefined): Look {
  const place = managementUrl?.replace(/\/+$/, "") ?? portsAbove(base, 1)[0];
  return async (ask, remaining) => {
    const [pinged, server, models] = await Promise.all([
      ping(ask, remaining()),
      describe(ask, remaining()),
      place === undefined
        ? undefined
        : listWithStates(openManagement(ask, place), remaining()).catch(() => undefined),
    ]);
    if (!pinged || (!server && !models)) return undefined;
    return {
      protocol: "torchserve",
      server: server ?? { name: "torchserve", extensions: [] },
      models: models ?? [],
      modelsKnown: models !== undefined,
      ...(models && place !== undefined ? { management: place } : {}),
    };
  };
}

async function ping(ask: Ask, options: CallOptions): Promise<boolean> {
  const outcome = await ask({ method: "GET", path: "/ping", ...options, answerBytesMax: bytesMax });
  return outcome.kind === "answer" && pingStatus(outcome.body) !== undefined;
}

async function describe(ask: Ask, options: CallOptions): Promise<ServerIdentity | undefined> {
  const path = "/api-description";
  const said = await askJson(ask, { ...options, path, answerBytesMax: bytesMax }).catch(() => undefined);
  const info = isObject(said) && isObject(said.info) ? said.info : {};
  if (!/^torchserve\b/i.test(String(info.title))) return undefined;
  const version = typeof info.version === "string" ? { version: info.version.slice(0, 128) } : {};
  return { name: "torchserve", ...version, extensions: [] };
}
