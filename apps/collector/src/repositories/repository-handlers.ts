import { Fault } from "@locum/contracts";
import type { Caller, Handlers } from "@locum/contracts/mount";
import type { TokenHolder } from "../auth.ts";
import type { Fleet } from "../fleet.ts";
import type { People } from "../people.ts";
import type { Repositories } from "./repositories.ts";

type Deps = {
  fleet: Fleet;
  people: Pick<People, "actorOf">;
  repositories: Repositories;
  /** Whether what is answered stays between the two: TLS, or an address of this machine. */
  isPrivate: boolean;
};

/** Snapshots in repositories. Who may ask is decided here; what exists and what is safe, where they are kept. */
export const repositoryHandlers = ({ fleet, people, repositories, isPrivate }: Deps) =>
  ({
    listRepositories: ({ query: { service } }) => {
      fleet.select(service);
      return {
        repositories: repositories
          .views()
          .filter((view) => service === undefined || view.service === service),
      };
    },
    listStoredSnapshots: ({ params: { service }, query: { limit } }) => {
      fleet.get(service);
      const snapshots = repositories.snapshots(service).slice(0, limit);
      return { repository: repositories.view(service), snapshots };
    },
    getStoredSnapshot: async ({ params: { service, id }, query: { against = null } }) => {
      fleet.get(service);
      const contents = await repositories.show({ service, id, against });
      const snapshot = repositories.snapshots(service).find((one) => one.id === id);
      if (!snapshot) throw new Fault("snapshot-missing", `there is no snapshot ${id} of ${service}`);
      return { snapshot, against, ...contents };
    },
    pinSnapshot: async ({ params: { service, channel }, body: { snapshot, reason }, caller }) => {
      fleet.get(service);
      const actor = await people.actorOf(caller);
      return repositories.pin({ service, channel, snapshot, reason, actor });
    },
    unpinSnapshot: async ({ params: { service, channel }, query: { reason }, caller }) => {
      fleet.get(service);
      const actor = await people.actorOf(caller);
      return repositories.pin({ service, channel, snapshot: null, reason, actor });
    },
    drillSnapshot: ({ params: { service } }) => {
      fleet.get(service);
      repositories.drill(service);
      return Response.json(repositories.view(service), { status: 202 });
    },
    openSnapshotKeys: async ({ params: { service, id }, body: { instance, files }, caller }) => {
      if (!isPrivate) throw new Fault("refused", "keys leave by TLS or within this machine only");
      checkBound(caller, { fleet, service, instance });
      const actor = await people.actorOf(caller);
      const answer = await repositories.keys({ service, instance, id, files, actor });
      return Response.json(answer, { headers: { "cache-control": "no-store" } });
    },
  }) satisfies Partial<Handlers>;

/**
 * A token that names no instance is every sidecar's: with one service that is the service's own, with several it could
 * open the others' models. Another service's name is answered as one that is not there.
 */
function checkBound(
  caller: (Caller & Pick<TokenHolder, "instance">) | null,
  { fleet, service, instance }: { fleet: Fleet; service: string; instance: string },
): void {
  const bound = caller?.instance;
  if (bound !== undefined && bound !== `${service}/${instance}`) throw unknown(service, instance);
  if (bound === undefined && fleet.all().length > 1)
    throw new Fault("not-authorised", "this token is bound to no service, and several are served here", {
      hint: 'Give each sidecar a token with "instance": "service/instance" in the token file.',
    });
  if (!fleet.get(service).config.instances.some(({ id }) => id === instance))
    throw unknown(service, instance);
}

const unknown = (service: string, instance: string): Fault =>
  new Fault("not-found", `no instance ${service}/${instance} is known to this token`);
