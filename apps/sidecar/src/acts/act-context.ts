import type { CommandResult, Release } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import type { BytesWatch } from "../bytes-watch.ts";
import type { SidecarConfig } from "../config.ts";
import type { Drills } from "../drill/drills.ts";
import type { Drive } from "../drive.ts";
import type { Ladder } from "../ladder/ladder.ts";
import type { ModelWork } from "../model-work.ts";
import type { ReleaseShelf } from "../release-shelf.ts";
import type { RestartDriver } from "../restart/restart-driver.ts";
import type { TreeSources } from "../sources/tree-sources.ts";
import type { Tap } from "../tap/tap.ts";
import type { Upstream } from "../upstream.ts";
import type { ModelScope } from "./model-scope.ts";

/** What acts may touch. */
export type ActContext = {
  config: SidecarConfig;
  drive: Drive;
  ladder: Pick<Ladder, "goldens" | "timeoutMs">;
  upstream: Upstream;
  /** Null in watch posture. */
  tap: Tap | null;
  /** Null where no folder is configured, or it has not been read yet. */
  bytes: () => BytesWatch | null;
  releases: ReleaseShelf;
  /** Null where no folder is configured. */
  sources: TreeSources | null;
  models: () => readonly string[];
  /** Reads the folders of releases again, now. */
  rescan: () => Promise<void>;
  /** Another instance is fit for these models; for all without any. */
  peerFit: (scope?: ModelScope) => boolean;
  work: Pick<ModelWork, "inflight">;
  drills: Drills;
  restartDriver: RestartDriver | null;
  clock: { monotonicMs(): number; sleep(ms: number): Promise<void> };
  log: Log;
};

export type Outcome = Pick<CommandResult, "outcome" | "code" | "detail">;

export const done = (detail: string): Outcome => ({ outcome: "done", code: "ok", detail });
export const refused = (code: string, detail: string): Outcome => ({ outcome: "refused", code, detail });
export const failed = (code: string, detail: string): Outcome => ({ outcome: "failed", code, detail });

export const treeOf = (release: Release | undefined) => release?.body.tree ?? null;
