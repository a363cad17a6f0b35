import { join } from "node:path";
import { createTally, openSpool, openTally } from "@locum/audit";
import { checkInput } from "@locum/guard";
import { type Log, systemClock, systemRandom, writeFileAtomic } from "@locum/runtime";
import { openIdentity } from "./adapters/identity.ts";
import { openInferenceSink } from "./adapters/inference-sink.ts";
import { openOwnWitness, witnessOrNone } from "./adapters/own-witness.ts";
import { readHeaders, readPeerTls, readPem, readToken } from "./adapters/read-secrets.ts";
import { lazySpool } from "./adapters/spool-pump.ts";
import type { AppDeps } from "./app.ts";
import type { SidecarConfig } from "./config.ts";
import { sparePlaces } from "./spare-keeper.ts";

/**
 * The parts of a sidecar that stand on this machine's disk, clock and chance.
 * @throws Fault config-invalid | storage-failed
 */
export async function openDeps(config: SidecarConfig, log: Log): Promise<AppDeps> {
  const { service, instance, stateDir, collector } = config;
  const { spareDir } = service.snapshot;
  const kept = join(stateDir, "releases");
  return {
    config,
    identity: await openIdentity(stateDir),
    headers: await readHeaders(instance.headersFile),
    ca: await readPem(instance.ca),
    peerTls: await readPeerTls(service.snapshot.peers),
    collectorCa: () => readPem(collector?.ca),
    token: () => readToken(collector?.tokenFile ?? "", `${service.service}/${instance.id}`),
    releaseFiles: {
      folders: [kept, service.releases, ...(spareDir === undefined ? [] : [sparePlaces(spareDir).releases])],
      keep: (release) =>
        writeFileAtomic(join(kept, `${release.digest.slice(7)}.json`), JSON.stringify(release)),
    },
    spool: lazySpool(() => openSpool({ dir: join(stateDir, "spool") })),
    inferenceSink: openInferenceSink(service.inference, process.env),
    tally: await openTally({ path: join(stateDir, "counted.json") }).catch(() => createTally()),
    witness:
      collector === null
        ? null
        : await witnessOrNone(
            () =>
              openOwnWitness({
                stateDir,
                service: service.service,
                instance: instance.id,
                wallMs: systemClock.wallMs,
              }),
            log,
          ),
    checkInput: (metadata, inputs) => checkInput({ inputs }, metadata),
    env: process.env,
    clock: systemClock,
    random: systemRandom,
    log,
  };
}
