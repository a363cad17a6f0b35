import type { Duplex } from "node:stream";
import { createKeptPool, type KeptPool } from "./kept-body.ts";
import type { Passage } from "./passage.ts";
import { createRetryBudget, type RetryBudget } from "./retry-budget.ts";
import { classifyByMethod, type TapDeps } from "./tap-deps.ts";
import type { TapEvent } from "./tap-event.ts";
import { type TapLimits, tapLimits } from "./tap-limits.ts";
import { createUpstreams, type Upstreams } from "./upstreams.ts";

/** What all requests of one tap share. */
export type TapCore = {
  readonly deps: Required<Omit<TapDeps, "limits" | "inspectRequest" | "trace">> &
    Pick<TapDeps, "inspectRequest" | "trace">;
  readonly limits: TapLimits;
  readonly budget: RetryBudget;
  readonly upstreams: Upstreams;
  readonly kept: KeptPool;
  /** Oldest first. */
  readonly passages: Set<Passage>;
  /** Clients whose connection has been, or is being, upgraded. */
  readonly tunnels: Set<Duplex>;
  readonly counters: TapCounters;
  draining: boolean;
  /** Until then looks into bodies have had their part of the time. */
  nextLookMs: number;
};

export type TapCounters = {
  started: number;
  finished: number;
  /** Answers of the own server that were complete, whatever their status. */
  ownAnswers: number;
  ownAnswerBytes: number;
  /**
   * Pieces and ends of answers to requests that make the model work. A health check that is answered says nothing of
   * that, so GET and HEAD do not count.
   */
  ownWork: number;
  /** When the own server last completed an answer or sent a byte of one. */
  ownProgressMs: number;
  resends: number;
  staleRetries: number;
  refusals: number;
  budgetEmpty: number;
  /** Calls of `observe`, `inspectRequest` and of a wire that threw. */
  depFaults: number;
};

export function createTapCore(deps: TapDeps): TapCore {
  const limits = { ...tapLimits, ...deps.limits };
  const nowMs = () => deps.clock.monotonicMs();
  return {
    deps: {
      classify: classifyByMethod,
      observe: () => {},
      stamp: () => noHeaders,
      fenced: () => false,
      isListed: () => false,
      needsModel: () => false,
      failClosed: false,
      ...deps,
    },
    limits,
    budget: createRetryBudget({ ratio: limits.retryRatio, perSecond: limits.retryBurstPerSecond }),
    upstreams: createUpstreams({ nowMs, limits }),
    kept: createKeptPool(limits.allBodiesKeptBytes),
    passages: new Set(),
    tunnels: new Set(),
    counters: {
      started: 0,
      finished: 0,
      ownAnswers: 0,
      ownAnswerBytes: 0,
      ownWork: 0,
      ownProgressMs: nowMs(),
      resends: 0,
      staleRetries: 0,
      refusals: 0,
      budgetEmpty: 0,
      depFaults: 0,
    },
    draining: false,
    nextLookMs: Number.NEGATIVE_INFINITY,
  };
}

export function observe(core: TapCore, event: TapEvent): void {
  try {
    core.deps.observe(event);
  } catch {
    core.counters.depFaults += 1;
  }
}

const noHeaders: Record<string, string> = {};
