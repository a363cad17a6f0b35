import { Fault, type ServiceConfig } from "@locum/contracts";
import type { Driver } from "./drive.ts";
import type { Performer } from "./perform.ts";

/** One service as it runs here: what it is meant to be, and the loop that decides for it. */
export type RunningService = {
  config: ServiceConfig;
  driver: Driver;
  counts: Performer["counts"];
};

/** The services of this collector, by name. */
export type Fleet = {
  all(): readonly RunningService[];
  /** @throws Fault not-found */
  get(service: string): RunningService;
  /** All, or the one that is named. @throws Fault not-found */
  select(service: string | undefined): readonly RunningService[];
};

export function createFleet(services: ReadonlyMap<string, RunningService>): Fleet {
  const get = (service: string): RunningService => {
    const found = services.get(service);
    if (!found) throw new Fault("not-found", `no service ${service} is configured here`);
    return found;
  };
  return {
    all: () => [...services.values()],
    get,
    select: (service) => (service === undefined ? [...services.values()] : [get(service)]),
  };
}
