import { Fault } from "@locum/contracts";
import type { CallOptions } from "../model-server.ts";

const modelsMax = 1000;

/** Whether a server may answer a model from a response cache: asked once a model, until it is forgotten. */
export function openCacheKnowledge({
  serverName,
  isCacheOn,
}: {
  /** Undefined where the server does not say it now. */
  serverName(options: CallOptions): Promise<string | undefined>;
  /** From the model's configuration. Throws `upstream-refused` where the server shows none. */
  isCacheOn(model: string, options: CallOptions): Promise<boolean>;
}): {
  mayCache(model: string, remaining: () => CallOptions): Promise<boolean | "unknown">;
  forget(model: string): void;
} {
  const known = new Map<string, boolean | "unknown">();

  /** Undefined where the server could not be asked. */
  async function find(model: string, remaining: () => CallOptions): Promise<boolean | "unknown" | undefined> {
    const name = await serverName(remaining());
    if (name === undefined) return undefined;
    // KServe's Python server has no response cache. MLServer's is keyed by the whole request with its id, which is
    // new each time here: it always misses.
    if (name === "kserve" || name === "mlserver") return false;
    try {
      return (await isCacheOn(model, remaining())) ? "unknown" : false;
    } catch (fault) {
      return fault instanceof Fault && fault.code === "upstream-refused" ? "unknown" : undefined;
    }
  }

  return {
    async mayCache(model, remaining) {
      const remembered = known.get(model);
      if (remembered !== undefined) return remembered;
      const found = await find(model, remaining);
      if (found !== undefined && known.size < modelsMax) known.set(model, found);
      return found ?? "unknown";
    },
    forget: (model) => void known.delete(model),
  };
}
