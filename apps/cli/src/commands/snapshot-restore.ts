import { resolve } from "node:path";
import { Fault, faultTable } from "@locum/contracts";
import {
  createSnapshotPool,
  folderSource,
  listSnapshots,
  loadIndex,
  type ManifestBody,
  planRestore,
  pooledChecks,
  type RestorePlan,
  type RestoreProgress,
  readSnapshot,
  repositorySource,
  restoreSnapshot,
  type Stub,
  snapshotAt,
  swapCurrent,
} from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { oneOf } from "../one-of.ts";
import type { Output } from "../output.ts";
import { progressLine } from "../progress-line.ts";
import {
  type Access,
  accessRepository,
  openAccessed,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { findSnapshot } from "../snapshot/find-snapshot.ts";
import { readSignerPublic } from "../snapshot/read-signer.ts";
import { refuseNested } from "../snapshot/refuse-beside.ts";
import { poolFromBytes } from "../snapshot/take-snapshot.ts";
import { useKey } from "../snapshot/use-key.ts";
import { spanText, timeText } from "../span-text.ts";
import { visible } from "../table.ts";

export const snapshotRestore = defineCommand({
  usage: "snapshot restore ID --repository PLACE --to DIR",
  about:
    "Puts a snapshot back into an empty folder, by hand: every chunk and file is compared, the folder is whole or not there, and a restore that was cut off goes on where it stopped. With --versions into DIR/versions/ID; --swap then lets DIR/current lead there. A collector's own restores put back approved releases only: this one asks nobody.",
  examples: [
    ["locum snapshot restore digits/last-verified -r /backup/models --to /srv/digits", "into a new folder"],
    [
      "locum snapshot restore digits --at 2026-03-01T12:00:00Z -r /backup/models --to /srv/old",
      "as it was then",
    ],
    [
      "locum snapshot restore 01KB... -r /backup/models --to /srv/m --only config.json",
      "one file, or one folder",
    ],
    [
      "locum snapshot restore digits/latest -r /backup/models --to /srv/digits --versions --swap",
      "by a link",
    ],
    [
      "locum snapshot restore 01KB... -r /backup/models --to /srv/m --from /mnt/replica --dry-run",
      "what would be read where",
    ],
  ],
  flags: {
    ...repositoryFlags,
    to: {
      kind: "text",
      required: true,
      about: "folder that is empty or not there; with --versions any of yours",
    },
    at: {
      kind: "text",
      about: "the newest whole one at or before this time (ISO 8601) of the model that is named",
    },
    only: { kind: "list", about: "a file or folder of the snapshot" },
    from: { kind: "list", about: "folder that may hold the same files: read first, and compared" },
    versions: { kind: "switch", about: "into DIR/versions/ID" },
    swap: { kind: "switch", about: "then let DIR/current lead there; the version before stays" },
    signer: { kind: "text", about: "EC P-256 public key in PEM that must have signed it" },
    check: {
      kind: "text",
      fallback: "chunks",
      about: "chunks: each by its id in its place; sha256: each file once more by the digest of the manifest",
    },
    "dry-run": { kind: "switch", about: "say what would be done, and do nothing" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [id], io, out }) {
    if (flags.swap && !flags.versions) throw new Fault("usage", "--swap needs --versions");
    const check = oneOf("check", flags.check, ["chunks", "sha256"] as const);
    const access = await accessRepository(flags, io);
    const to = resolve(io.cwd, flags.to);
    await refuseNested(access.place, to);
    const signer =
      flags.signer === undefined ? undefined : await readSignerPublic(resolve(io.cwd, flags.signer));
    const stub = await (flags.at === undefined
      ? findSnapshot(access, id)
      : findAt(access, { id, at: flags.at, out }));
    const repository = await openAccessed(access);
    const opener = await useKey(access, repository, { verb: "restore", snapshots: [stub.id] });
    const manifest = await readSnapshot(repository, stub.id, { opener, ...(signer && { signer }) });
    const loaded = await loadIndex(repository, { for: "reader", repair: false });
    await using threads = threadsFor(stub);
    const { pool } = threads;
    const plan = await planRestore({
      repository,
      manifest,
      to,
      layout: flags.versions ? "versions" : "folder",
      ...(flags.only.length > 0 && { only: flags.only }),
      sources: [
        ...foldersOf(flags.from, { cwd: io.cwd, files: manifest.body.files }),
        repositorySource({ repository, loaded, opener, ...(pool && { pool }) }),
      ],
      ...(pool && { checks: pooledChecks(pool, manifest.idKey) }),
      signal: io.signal,
    });
    showPlan(out, stub, plan);
    const isReady = plan.missing === undefined && plan.space.freeBytes >= plan.space.neededBytes;
    if (flags["dry-run"]) {
      out.summary({ ...figuresOf(stub, plan), dryRun: true, isReady });
      return isReady ? 0 : faultTable["objective-missed"].exit;
    }
    const show = progressLine(io, out);
    const restored = await restoreSnapshot({
      ...plan,
      check,
      signal: io.signal,
      onProgress: (progress) => show(progressText(progress)),
    }).finally(() => show(""));
    const swapped = flags.swap ? await swapCurrent({ to, version: restored.path }) : undefined;
    out.say(
      `${out.paint("good", "restored")}  ${restored.path}${restored.isResumed ? " (went on with an earlier try)" : ""}`,
    );
    for (const { source, reason } of restored.dropped)
      out.say(out.paint("warn", `${visible(source)} was asked no more: ${visible(reason)}`));
    if (swapped) out.say(`current   ${swapped.current}, before ${swapped.before ?? "nothing"}`);
    out.summary({ ...figuresOf(stub, plan), dryRun: false, ...restored, swapped: swapped ?? null });
    return 0;
  },
  untilSignal: true,
});

/** None for a small one, which is over before they have started. */
function threadsFor({ bytes }: Stub) {
  const pool = bytes >= poolFromBytes ? createSnapshotPool() : undefined;
  return { pool, [Symbol.asyncDispose]: async () => pool?.close() };
}

const foldersOf = (
  places: readonly string[],
  { cwd, files }: { cwd: string; files: ManifestBody["files"] },
) =>
  [...new Set(places.map((place) => resolve(cwd, place)))].map((root) =>
    folderSource({ name: root, root, files }),
  );

/** Torn ones are passed over: they were not there, all of them, at one moment. */
async function findAt(
  { place }: Access,
  { id: model, at, out }: { id: string | undefined; at: string; out: Output },
): Promise<Stub> {
  const atMs = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(at) ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(atMs))
    throw new Fault(
      "usage",
      `--at ${at.slice(0, 40)}: expected a time with its zone, as 2026-03-01T12:00:00Z`,
    );
  if (model === undefined) throw new Fault("usage", "expected the name of a model with --at");
  const { snapshots } = await listSnapshots(place);
  const { snapshot, lostMs, uncertain } = snapshotAt({ snapshots, model, atMs });
  out.say(`captured ${spanText(lostMs)} before ${timeText(atMs)} UTC`);
  for (const { id } of uncertain)
    if (id !== snapshot.id) out.say(out.paint("warn", `${id} is as near as clocks can tell`));
  return snapshot.stub;
}

function figuresOf(
  { id, model, torn }: Stub,
  { totalBytes, bytesBySource, missing, space, already }: RestorePlan,
) {
  return {
    id,
    model,
    torn,
    totalBytes,
    plan: bytesBySource,
    missing: missing ?? null,
    space,
    already: already ?? null,
  };
}

function showPlan(out: Output, { id, model, torn }: Stub, plan: RestorePlan): void {
  const { totalBytes, bytesBySource, missing, space, already } = plan;
  out.say(`${id} of ${model}: ${bytesText(totalBytes)}`);
  if (torn) out.say(out.paint("warn", "It is torn: a source changed while it was read."));
  if (already !== undefined) out.say(`all of it is in ${already} already`);
  for (const [source, bytes] of Object.entries(bytesBySource))
    out.say(`  ${bytesText(bytes)} from ${visible(source)}`);
  if (missing)
    out.say(
      out.paint("bad", `  ${bytesText(missing.bytes)} from nowhere, the first of ${visible(missing.path)}`),
    );
  out.say(`  needs ${bytesText(space.neededBytes)} of ${bytesText(space.freeBytes)} free`);
}

function progressText({ doneBytes, totalBytes, bytesPerSecond, etaMs }: RestoreProgress): string {
  const eta = etaMs === undefined ? "" : `, ${spanText(etaMs)} left`;
  return `restoring  ${bytesText(doneBytes)} of ${bytesText(totalBytes)}, ${bytesText(bytesPerSecond)}/s${eta}`;
}
