import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { seededRandom } from "../../testing/random.ts";
import { planRestore } from "../restore/plan-restore.ts";
import { repositorySource } from "../restore/repository-source.ts";
import { restoreSnapshot } from "../restore/restore-snapshot.ts";
import { killDeps, type Said } from "../testing/kill-rig.ts";
import { filesOf, readBack, weightsOf } from "../testing/repository-rig.ts";
import { opener } from "../testing/rig.ts";
import { checkRepository } from "./check-repository.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { loadIndex } from "./load-index.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { readRef } from "./refs.ts";
import { createRepository, openRepository, type Repository } from "./repository.ts";

const kills = Number(process.env.LOCUM_KILLS ?? 30);
const seed = Number(process.env.LOCUM_SEED ?? Date.now() % 1_000_000);
const program = fileURLToPath(new URL("../testing/kill-loop-child.ts", import.meta.url));
/** As long as a few works take: every moment of each of them is met. */
const livesMsMax = 120;

type Life = {
  child: ChildProcessByStdio<Writable, Readable, null>;
  ready: Promise<unknown>;
  said: Promise<Said[]>;
};
type Place = { scratch: string; root: string; to: string; baseMs: number };

test.runIf(process.platform !== "win32")(
  `killed ${kills} times, at any moment: what was acknowledged is there and whole, and the next open needs no hand`,
  { timeout: 60_000 + kills * 5_000 },
  async () => {
    const scratch = await mkdtemp(join(tmpdir(), "locum-kills-"));
    const place = {
      scratch,
      root: join(scratch, "repository"),
      to: join(scratch, "model"),
      baseMs: Date.now(),
    };
    const random = seededRandom(seed);
    const whole = new Map<string, number>();
    const struck = new Map<string, number>();
    let deleted = 0;
    try {
      await Promise.all([mkdir(place.root), mkdir(place.to)]);
      await createRepository(killDeps(place.root, place.baseMs));
      let next = start(place, whole, random());
      for (let kill = 0; kill < kills; kill++) {
        const { child, ready, said } = next;
        await ready;
        child.stdin.write("go\n");
        next = start(place, whole, random());
        // A random moment is what this test is about; nothing waits for it to be enough.
        await setTimeout(random() * livesMsMax);
        child.kill("SIGKILL");
        const lines = await said;
        const [work, gone] = await look(place, whole, { lines, when: `seed ${seed}, kill ${kill}` });
        struck.set(work, (struck.get(work) ?? 0) + 1);
        deleted += gone;
      }
      next.child.kill("SIGKILL");
      await next.said;
      const during = [...struck].map(([work, count]) => `${count} in ${work}`).join(", ");
      console.log(
        `seed ${seed}: ${kills} kills (${during}), ${deleted} packs deleted, ${whole.size} snapshots left`,
      );
    } finally {
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    }
    expect(struck.get("commit"), "kills within a commit").toBeGreaterThan(0);
  },
);

/** Ready, and waiting for its first line: starting takes longer than what it is killed at. */
function start({ scratch, root, to, baseMs }: Place, whole: Map<string, number>, random: number): Life {
  const input = { root, to, baseMs, seed: Math.floor(random * 2 ** 32), known: [...whole] };
  const child = spawn(process.execPath, [program, JSON.stringify(input)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(scratch, "cache") },
  });
  return { child, ready: once(child.stdout, "data"), said: heard(child) };
}

async function heard(child: Life["child"]): Promise<Said[]> {
  const exit = once(child, "exit");
  const lines = (await text(child.stdout)).split("\n").filter((line) => line !== "");
  const [code, signal] = await exit;
  expect([code, signal], "it ended by the kill, not by itself").toEqual([null, "SIGKILL"]);
  return lines.map((line) => JSON.parse(line) as Said);
}

/** Brings `whole` to what there is; says what it was killed in, and how many packs had been deleted. */
async function look(
  place: Place,
  whole: Map<string, number>,
  { lines, when }: { lines: Said[]; when: string },
): Promise<[work: string, deleted: number]> {
  const repository = await openRepository(killDeps(place.root, place.baseMs));
  const before = new Set(whole.keys());
  const [tried, mayBeGone] = [new Set<number>(), new Set<string>()];
  let [last, newest, deleted] = ["start", "", 0];
  for (const said of lines) {
    last = said.kind === "try" ? said.work : "between";
    if (said.kind === "try" && said.work === "commit") tried.add(said.weights);
    if (said.kind === "try" && said.work === "forget") mayBeGone.add(said.id);
    if (said.kind === "done") deleted += said.work === "prune" ? said.deleted : 0;
    if (said.kind !== "committed") continue;
    whole.set(said.id, said.weights);
    newest = said.id;
  }
  const { snapshots, damaged } = await listSnapshots(repository);
  const ids = new Set(snapshots.map(({ id }) => id));
  expect(damaged, when).toEqual([]);
  for (const id of whole.keys()) {
    if (!ids.has(id)) expect(mayBeGone, when).toContain(id);
    if (!ids.has(id)) whole.delete(id);
  }
  // Those of earlier looks are decoded by the check below.
  for (const id of ids) {
    if (before.has(id)) continue;
    const files = JSON.stringify([...(await readBack(repository, id))]);
    const known = whole.get(id);
    // Committed, and killed before it could say so.
    const found = (known === undefined ? [...tried] : [known]).find((each) => files === textOf(each));
    expect(found, `${when}: what snapshot ${id} holds`).toBeDefined();
    whole.set(id, found ?? 0);
  }
  const { damage, lost } = await checkRepository(repository, { opener });
  expect([damage, lost], when).toEqual([[], []]);
  const latest = await readRef(repository, { model: "digits", channel: "latest" });
  expect((latest?.snapshot ?? "") >= newest, when).toBe(true);
  const restored = lines.findLast((said) => said.kind === "try" && said.work === "restore");
  if (restored && last === "restore") await finishRestore(repository, place, { restored, ids, when });
  return [last, deleted];
}

const textOf = (weights: number): string => JSON.stringify([...filesOf(weightsOf(weights))]);

/** The same call again goes on with what the killed one left. */
async function finishRestore(
  repository: Repository,
  { to }: Place,
  { restored, ids, when }: { restored: Said; ids: ReadonlySet<string>; when: string },
): Promise<void> {
  if (restored.kind !== "try" || restored.work !== "restore" || !ids.has(restored.id)) return;
  const loaded = await loadIndex(repository, { for: "reader", repair: false });
  const manifest = await readSnapshot(repository, restored.id, { opener });
  const sources = [repositorySource({ repository, loaded, opener })];
  const { path } = await restoreSnapshot(await planRestore({ repository, manifest, to, sources }));
  for (const [name, bytes] of filesOf(weightsOf(restored.weights)))
    expect((await readFile(join(path, name))).equals(Buffer.from(bytes, "latin1")), `${when}: ${name}`).toBe(
      true,
    );
}
