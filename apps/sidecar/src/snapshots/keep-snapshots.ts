import { createPace, olderTwin, systemClock } from "@locum/snapshot";
import { readProcessId } from "../adapters/process-id.ts";
import type { AppDeps } from "../app.ts";
import type { BytesWatch } from "../bytes-watch.ts";
import type { Parts } from "../parts.ts";
import { openWriter } from "./open-writer.ts";
import { createSnapshotKeeper, type SnapshotKeeper } from "./snapshot-keeper.ts";
import { createSnapshotStory } from "./snapshot-story.ts";
import { takeSnapshot } from "./take-snapshot.ts";
import { watchBeside } from "./watch-beside.ts";

type Keeping = Pick<AppDeps, "config" | "env" | "clock" | "random" | "log"> &
  Pick<Parts, "shelf" | "sources" | "record"> & { bytes: () => BytesWatch | null };

/** The snapshots of one instance; null where its service names no repository, or another instance of its volume takes them. */
export function keepSnapshots({
  config,
  shelf,
  sources,
  record,
  bytes,
  env,
  clock,
  random,
  log,
}: Keeping): SnapshotKeeper | null {
  const { service, instance, keepsVolume } = config;
  const wanted = service.snapshot.repository;
  const { modelDir, restart, pidFile } = instance;
  if (!wanted || modelDir === undefined || !keepsVolume) return null;
  const stop = new AbortController();
  const { wallMs } = clock;
  const story = createSnapshotStory({ repository: wanted.place, record, clock, log });
  const keeper = createSnapshotKeeper({
    wanted,
    service: service.service,
    owner: instance.id,
    rank: Math.max(
      0,
      service.instances.findIndex(({ id }) => id === instance.id),
    ),
    releases: () => shelf.approved().map(({ digest }) => digest),
    open: () => openWriter(wanted, { env, wallMs }),
    async take(writer, given) {
      const { bytesPerSecond } = wanted;
      return takeSnapshot({
        ...given,
        writer,
        wanted,
        wallMs,
        model: service.service,
        modelDir,
        olderDir: await olderTwin({ dir: modelDir, than: bytes()?.live()?.tree.digest ?? null }),
        served: {
          server: instance.protocol,
          command: restart && "child" in restart ? restart.child : undefined,
        },
        pid: (await readProcessId(pidFile))?.pid,
        pace: createPace({ bytesPerSecond, clock: systemClock, signal: given.signal }),
        async lookAgain() {
          await bytes()?.check();
          return bytes()?.live()?.tree.digest ?? null;
        },
      });
    },
    story: {
      ...story,
      async taken(...told) {
        await story.taken(...told);
        // What was taken just now can be put back from now on.
        await sources?.refresh();
      },
    },
    clock,
    random,
    log,
  });
  const databases = wanted.hooks.flatMap((hook) => (hook.kind === "sqlite" ? [hook.file] : []));
  void watchBeside([...wanted.include, ...databases], {
    onChange: keeper.changed,
    clock,
    signal: stop.signal,
  });
  return {
    ...keeper,
    async close() {
      stop.abort();
      await keeper.close();
    },
  };
}
