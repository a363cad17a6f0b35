import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openAuditLog, openSpool } from "@locum/audit";
import type { AuditRecord } from "@locum/contracts";
import { createRandom } from "@locum/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { digits, liveFile, type Strike, strikes } from "../stack/strikes.ts";
import { passed, until } from "../stack/until.ts";
import { startWitness, type Witness } from "../stack/witness.ts";

const seed = Number(process.env.LOCUM_SEED ?? Math.floor(Math.random() * 1e9));
const rounds = Number(process.env.LOCUM_ROUNDS ?? 4);
/** How long a repair goes on: a promotion is quick, a restore waits until its files were quiet for two seconds. */
const spreadMs = { crash: 700, hang: 1200, corrupt: 2800, older: 2800, nan: 500 } as const;

type Victim = "collector" | "sidecar of the struck" | "sidecar of the other";
type Round = { strike: Strike; victim: Victim; afterMs: number };

/** Which process dies when, in the middle of which repair: from the seed alone. */
const drawn: Round[] = drawRounds();

describe(`kill -9 during promotions and restores (LOCUM_SEED=${seed})`, () => {
  let stack: Stack;
  let witness: Witness;

  beforeAll(async () => {
    stack = await startStack();
    await stack.settled();
    witness = startWitness({ url: stack.service, references: stack.references.current, perSecond: 20 });
  });
  afterAll(() => stack?.close());

  it.each(drawn)("$strike, and $afterMs ms later the $victim dies", async ({ strike, victim, afterMs }) => {
    const target = await stack.holding("active");
    const other = stack.ids.find((id) => id !== target.id) ?? "";
    const what =
      victim === "collector"
        ? "collector"
        : { sidecar: victim === "sidecar of the struck" ? target.id : other };
    const pid = stack.pidOf(what) ?? 0;
    expect(pid).toBeGreaterThan(1);
    await strikes[strike](target);
    await passed(afterMs);
    process.kill(pid, "SIGKILL");
    await until(() => (stack.pidOf(what) ?? pid) !== pid, { what: `the ${victim} to be started again` });

    const reports = await stack.settled({ withinMs: 60_000 });
    expect(new Set(Object.values(reports).map(({ epoch }) => epoch)).size).toBe(1);
    const good = await readFile(digits.current);
    for (const model of stack.models) expect(await readFile(liveFile(model))).toEqual(good);
    await until(async () => (await openIncidents(stack)) === 0, { what: "every incident to be closed" });
  });

  it("afterwards clients are answered rightly", async () => {
    const settledMs = performance.now();
    const since = () => witness.answers().filter(({ sentMs }) => sentMs > settledMs);
    await until(() => since().length > 20, { what: "answers" });
    await witness.end();
    expect(since().filter(({ outcome }) => outcome !== "right")).toEqual([]);
  });

  it("no record is lost or doubled, and the audit log verifies", async () => {
    await stack.running.end();
    const log = await openAuditLog({ dir: join(stack.dir, ".locum/collector/audit") });
    const records = await log.query({ limit: 10_000 });
    expect(await log.verify()).toEqual({ ok: true });
    await log.close();
    expect(stack.ids.flatMap((id) => originsOf(records, id)).length).toBeGreaterThan(0);
    for (const id of stack.ids) {
      const spool = await openSpool({ dir: join(stack.dir, `.locum/digits-${id}/spool`) });
      expect(spool.stats(), `spool of ${id}`).toMatchObject({ waiting: 0, damaged: 0 });
      await spool.close();
      const numbers = originsOf(records, id);
      expect(numbers, `records of ${id}`).toEqual(numbers.map((_number, i) => (numbers[0] ?? 0) + i));
    }
  });
});

async function openIncidents({ api }: Stack): Promise<number> {
  // The collector itself may be the one that was killed.
  const open = await api.incidents({ open: true }).catch(() => null);
  return open?.length ?? -1;
}

/** The numbers that a sidecar's spool gave its records, as they came into the log. */
const originsOf = (records: readonly AuditRecord[], id: string): number[] =>
  records.flatMap(({ event: { instance, facts } }) => {
    const number = facts["origin.seq"];
    return instance === id && typeof number === "number" ? [number] : [];
  });

function drawRounds(): Round[] {
  const random = createRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length - 1)] as T;
  // Whatever the seed: both repairs are met, and once the sidecars have to keep their records for themselves.
  const alone: Round = { strike: "crash", victim: "collector", afterMs: 0 };
  const others = Array.from({ length: rounds - 1 }, (_none, round): Round => {
    const strike = round % 2 === 0 ? pick(["corrupt", "older"] as const) : pick(["crash", "hang"] as const);
    const victim = pick(["collector", "sidecar of the struck", "sidecar of the other"] as const);
    return { strike, victim, afterMs: random.integer(0, spreadMs[strike]) };
  });
  return [alone, ...others];
}
