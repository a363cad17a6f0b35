import type { Log } from "@locum/runtime";
import { type HaproxyPush, pushToHaproxy } from "./adapters/push-to-haproxy.ts";
import { agentNow } from "./views.ts";

/** This instance in each HAProxy of its machine, by the names that `locum haproxy render` gives. */
export function tellHaproxy(known: Parameters<typeof agentNow>[0], log: Log): HaproxyPush {
  const { service, instance } = known.config;
  const servers = service.traffic.haproxy.map(({ runtime, backend = service.service }) => ({
    runtime,
    backend,
    server: instance.id,
  }));
  const { drive } = known.instance;
  return pushToHaproxy(servers, () => ({ epoch: drive.state().holder.epoch, word: agentNow(known) }), {
    clock: known.clock,
    log,
  });
}
