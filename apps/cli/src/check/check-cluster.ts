import type { Client } from "@locum/contracts";
import { exitCodes } from "@locum/contracts";
import { webhookNames } from "@locum/injection";
import { type Access, createKubernetes } from "@locum/runtime/kubernetes";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import { locumVersion } from "../version.ts";
import type { CheckLine } from "./check-groups.ts";
import { runClusterCheck } from "./run-cluster-check.ts";
import { showChecks } from "./show-checks.ts";

const againMs = 2000;
/** A person waits for this: while etcd is away the API server answers nothing. */
const timeoutMs = 10_000;

/** Asks until nothing is wrong or the time is over, and shows the last answers. Gives the exit code. */
export async function checkCluster(
  {
    access,
    collector,
    pre,
    namespace,
    waitMs,
  }: {
    access: Access;
    collector: Client | null;
    pre: boolean;
    namespace: string | undefined;
    waitMs: number;
  },
  { io, out }: { io: Io; out: Output },
): Promise<number> {
  const kubernetes = createKubernetes(access, { timeoutMs });
  try {
    const home = webhookNames.namespace;
    const endMs = io.clock.monotonicMs() + waitMs;
    for (;;) {
      const nowMs = io.clock.wallMs();
      const lines = await runClusterCheck({
        kubernetes,
        collector,
        pre,
        namespace,
        home,
        version: locumVersion,
        nowMs,
      });
      const bad = lines.filter(({ level }) => level === "bad");
      if (bad.length > 0 && io.clock.monotonicMs() < endMs && !io.signal.aborted) {
        out.progress(`waiting: ${bad.map(({ what }) => what).join("; ")}`);
        await io.clock.sleep(againMs, io.signal);
        continue;
      }
      showChecks(out, lines);
      return summarise(lines, out);
    }
  } finally {
    kubernetes.close();
  }
}

function summarise(lines: readonly CheckLine[], out: Output): number {
  const count = (wanted: CheckLine["level"]): number => lines.filter(({ level }) => level === wanted).length;
  const counts = { ok: count("ok"), note: count("note"), bad: count("bad") };
  const isOk = counts.bad === 0;
  out.say();
  out.say(
    isOk
      ? `${out.paint("good", "√")} in order${counts.note > 0 ? `, ${counts.note} worth knowing` : ""}`
      : `${out.paint("bad", "×")} ${counts.bad} wrong, ${counts.note} worth knowing`,
  );
  out.summary({ ok: isOk, counts, checks: lines });
  return isOk ? exitCodes.ok : exitCodes.degraded;
}
