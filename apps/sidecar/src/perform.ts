import { type Act, type Command, type CommandResult, Fault } from "@locum/contracts";
import { type ActContext, done, failed, type Outcome, refused } from "./acts/act-context.ts";
import { prepare } from "./acts/prepare.ts";
import { reload } from "./acts/reload.ts";
import { restart } from "./acts/restart.ts";
import { restore } from "./acts/restore.ts";

type Performers = {
  [K in Act["kind"]]: (context: ActContext, act: Extract<Act, { kind: K }>) => Promise<Outcome>;
};

/** In-flight requests of a fenced active may end within this; a candidate waits for it. */
const fenceMsMax = 1000;

/** One performer for each act. Role changes need nothing done: the holder takes the role when the act is done. */
const performers: Performers = {
  fence,
  prepare,
  promote: async () => done("active"),
  demote: async () => done("standby"),
  restore,
  reload,
  restart,
  drain: async ({ drive }, { on }) => {
    drive.put({ kind: "drain", by: "command", on });
    return done(on ? "drained" : "takes requests again");
  },
  drill: (context, { fault, ms }) => context.drills.start(context, fault, ms),
};

/** Two repairs of one instance would undo each other. */
const repairs: readonly Act["kind"][] = ["restore", "reload", "restart"];

export type Performer = {
  /** Performs one command and says how it ended. Never throws: what nobody expected is a failed result. */
  perform(command: Pick<Command, "id" | "act">): Promise<CommandResult>;
  isRepairing(): boolean;
};

export function createPerformer(context: ActContext): Performer {
  const { clock, log } = context;
  let repairing = false;
  const perform = async (act: Act): Promise<Outcome> => {
    const isRepair = repairs.includes(act.kind);
    if (isRepair && repairing) return refused("conflict", "another repair of this instance is under way");
    if (isRepair) repairing = true;
    try {
      return await (performers[act.kind] as (context: ActContext, act: Act) => Promise<Outcome>)(
        context,
        act,
      );
    } catch (error) {
      log("error", "an act failed", { action: act.kind, error });
      if (error instanceof Fault) return failed(error.code, error.message);
      return failed("internal", error instanceof Error ? error.message : String(error));
    } finally {
      if (isRepair) repairing = false;
    }
  };
  return {
    async perform({ id, act }) {
      const startedMs = clock.monotonicMs();
      const outcome = await perform(act);
      return {
        id,
        ...outcome,
        detail: outcome.detail.slice(0, 1000),
        tookMs: clock.monotonicMs() - startedMs,
      };
    },
    isRepairing: () => repairing,
  };
}

/** The gate is closed already: what is in flight may end, for a moment. */
async function fence({ drive, tap, config }: ActContext): Promise<Outcome> {
  if (!tap) return done("fenced: not in the path of requests");
  const withinMs = Math.min(fenceMsMax, config.service.failover.leaseMs / 3);
  const ended = await drive.until(() => tap.progress().inflight === 0, withinMs);
  tap.fence();
  return done(ended ? "fenced, nothing in flight" : `fenced, what waited for ${withinMs} ms was refused`);
}
