import type { Elasticsearch } from "../../elasticsearch/open-elasticsearch.ts";
import type { LogFs } from "../../log-fs.ts";
import type { ShipClock } from "../ship-clock.ts";

/** A disk is slower than the server here: what does not wait for it is found out. */
const diskTurns = 12;

/**
 * A process that is killed at one call to the outside, before it is done or after: from then on no call does anything
 * or returns. `dead` resolves when that happens.
 */
export function createMortal({ at, isDone }: { at: number; isDone: boolean }) {
  let calls = 0;
  let isDead = false;
  const { promise: dead, resolve: die } = Promise.withResolvers<void>();
  const never = new Promise<never>(() => {});
  const guard = async <R>(call: () => Promise<R>, turns = 0): Promise<R> => {
    if (isDead) return never;
    if (calls++ === at) {
      isDead = true;
      if (isDone) await call().catch(() => {});
      die();
      return never;
    }
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    if (isDead) return never;
    const result = await call();
    return isDead ? never : result;
  };
  const guarded = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as ((...args: unknown[]) => Promise<unknown>) | undefined;
        if (method === undefined) return undefined;
        return (...args: unknown[]) =>
          guard(async () => {
            const result = await method.apply(target, args);
            const isFile = typeof result === "object" && result !== null && "close" in result;
            return isFile ? guarded(result) : result;
          }, diskTurns);
      },
    });
  return {
    dead,
    fs: (fs: LogFs): LogFs => guarded(fs),
    server: (server: Elasticsearch): Elasticsearch => ({
      request: (request) => guard(() => server.request(request)),
      close: async () => {},
    }),
    clock: (clock: ShipClock): ShipClock => ({
      ...clock,
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
        if (isDead) await never;
      },
    }),
    kill(): void {
      isDead = true;
    },
  };
}
