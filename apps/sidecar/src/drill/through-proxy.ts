import type { DrillFault } from "./drills.ts";
import { type ProxyFault, startFaultProxy } from "./fault-proxy.ts";

/** A fault in the answer path of this instance: it is there as long as this process says so. */
export const throughProxy = (fault: ProxyFault): DrillFault => ({
  plan: async () => ({}),
  async begin({ upstream }, _plan, random) {
    const { url, close } = await startFaultProxy({ fault, target: upstream.target(), random });
    upstream.redirect(url);
    const end = (): void => {
      upstream.redirect(null);
      close();
    };
    return { detail: "in the answer path", end };
  },
  undo: async () => {},
});
