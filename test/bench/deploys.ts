import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRandom } from "@locum/runtime";
import type { ModelProcess } from "../stack/model-process.ts";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { deploy, digits, liveFile, overwriteMiddle } from "../stack/strikes.ts";
import { passed, until } from "../stack/until.ts";
import { startWitness, type Witness } from "../stack/witness.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { table } from "./table.ts";
import { isolationsSince, lastSeq } from "./watch-isolations.ts";

/** What else goes on while the release is deployed: nothing, or a restore of files that went bad on disk. */
type Beside = "nothing" | "restore of the other" | "restore of the same";
type Try = {
  beside: Beside;
  target: string;
  release: "current" | "newer";
  disturbed: string[];
  tookMs: number;
};

const besides: readonly Beside[] = ["nothing", "restore of the other", "restore of the same"];
/** A restore starts when the files were quiet for two seconds: the deploy falls before, around or after it. */
const spreadMs = 4000;
/** Every second deploy waits for the restore to be ordered, and falls into the moment in which it works. */
const restoreSpreadMs = 120;

/** Deploys an approved release as a careful deployment does (rename, then load), at random moments. */
export async function run(tools: BenchTools): Promise<BenchSummary> {
  const { tries = 10, seed = Math.floor(Math.random() * 1e9) } = tools.flags as {
    tries?: number;
    seed?: number;
  };
  const random = createRandom(seed).next;
  tools.print(`seed ${seed}; starting model servers, collector, sidecars and front`);
  const stack = await startStack();
  try {
    await stack.settled();
    await stack.approveNewer();
    const witness = startWitness({
      url: stack.service,
      references: stack.references.current,
      perSecond: 50,
    });
    witness.accept(stack.references.newer);
    const done: Try[] = [];
    for (let i = 0; i < tries; i++) {
      const one = await tryDeploy({
        stack,
        witness,
        random,
        beside: besides[i % besides.length] ?? "nothing",
      });
      done.push(one);
      tools.emit({ kind: "try", ...one });
      tools.print(
        `  ${String(i + 1).padStart(3)} ${one.release} on ${one.target}, beside it ${one.beside}: ${one.disturbed.join(", ") || "undisturbed"}`,
      );
    }
    await witness.end();
    return summarise({ tries: done, seed, witness, tools });
  } finally {
    await stack.close();
  }
}

type Rig = { stack: Stack; witness: Witness; random: () => number; beside: Beside };

async function tryDeploy({ stack, witness, random, beside }: Rig): Promise<Try> {
  const reports = await stack.settled();
  const target = stack.model(random() < 0.5 ? "a" : "b");
  const other = stack.model(target.id === "a" ? "b" : "a");
  const release = (await isNewer(target)) ? "current" : "newer";
  const before = { seq: await lastSeq(stack), answers: witness.answers().length };
  const startMs = performance.now();
  // Bytes only, and nothing loaded: the answers stay right, so each bad one from here on is our own doing.
  if (beside === "restore of the other") await overwriteMiddle(liveFile(other));
  if (beside === "restore of the same") await overwriteMiddle(liveFile(target));
  const aimed = beside !== "nothing" && random() < 0.5;
  if (aimed) await restoreOrdered(stack, before.seq);
  await passed(random() * (aimed ? restoreSpreadMs : spreadMs));
  await deploy(target, digits[release]);
  const calm = () => stack.settled();
  const left: string[] = [];
  const digest = sha256(await readFile(digits[release]));
  await until(
    async () => {
      // A file that went bad just after a deploy may have been put back to the older release, of which a verified
      // copy was at hand: then the loaded model is the newer one already, and only the files have to follow.
      const now = (await calm())[target.id];
      const isNew = now?.release !== reports[target.id]?.release || now?.owner !== reports[target.id]?.owner;
      return isNew && now?.bytes === "approved" && now.release === now.owner;
    },
    { what: `${target.id} to be taken for the deployed release`, withinMs: 30_000, everyMs: 100 },
  ).catch((error: Error) => left.push(error.message));
  if (sha256(await readFile(liveFile(target))) !== digest) left.push("the deployed file was put away");
  const events = await isolationsSince(stack, before.seq);
  // Files that went bad are an incident of their own instance, and are restored: that is no disturbance there.
  const expected = beside === "nothing" ? null : beside === "restore of the same" ? target.id : other.id;
  const quiet = ["incident.open", "restore.intent"];
  for (const { event, instance, reason } of events)
    if (!(instance === expected && quiet.includes(event))) left.push(`${event} ${instance}: ${reason}`);
  const bad = witness
    .answers()
    .slice(before.answers)
    .filter(({ outcome }) => outcome !== "right");
  if (bad.length > 0) left.push(`${bad.length} bad answers: ${bad[0]?.outcome} ${bad[0]?.detail}`);
  return {
    beside,
    target: target.id,
    release,
    disturbed: left,
    tookMs: Math.round(performance.now() - startMs),
  };
}

const restoreOrdered = (stack: Stack, after: number) =>
  until(async () => (await isolationsSince(stack, after)).some(({ event }) => event === "restore.intent"), {
    what: "the restore to be ordered",
    everyMs: 10,
  });

async function isNewer(target: ModelProcess): Promise<boolean> {
  return sha256(await readFile(liveFile(target))) === sha256(await readFile(digits.newer));
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

type Told = { tries: Try[]; seed: number; witness: Witness; tools: BenchTools };

function summarise({ tries, seed, witness, tools }: Told): BenchSummary {
  const rows = besides.map((beside) => {
    const these = tries.filter((one) => one.beside === beside);
    return { beside, tries: these.length, disturbed: these.filter((one) => one.disturbed.length > 0).length };
  });
  const disturbed = rows.reduce((sum, row) => sum + row.disturbed, 0);
  const bad = witness.answers().filter(({ outcome }) => outcome !== "right").length;
  tools.print(
    `\n${table(
      ["beside the deploy", "tries", "disturbed"],
      [...rows.map((row) => [row.beside, row.tries, row.disturbed]), ["all", tries.length, disturbed]],
    )}\n\nobjective: 0 disturbed; ${witness.answers().length} answers, ${bad} bad`,
  );
  return {
    seed,
    tries: tries.length,
    disturbed,
    rows,
    answers: witness.answers().length,
    bad,
    objectivesMet: disturbed === 0 && bad === 0,
  };
}
