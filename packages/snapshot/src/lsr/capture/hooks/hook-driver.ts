import type { SnapshotHook } from "@locum/contracts";

/** What tells one state of a source from another, and one source from another; no secret, no path of its own. */
export type SourceIdentity = Record<string, string | number>;

export type HookRun = {
  /** Empty, of this hook alone, mode 0700; what is in it when the driver returns is its copy. */
  dir: string;
  /** Aborts at the hook's time-out: then the driver ends, and leaves no process and no request behind. */
  signal: AbortSignal;
};

/**
 * Takes a consistent copy of a source that is being written to, by the source's own means; live files are never
 * copied. Not retried. It may leave half a copy when it throws: whoever runs it throws that away.
 * @throws Fault upstream-unreachable · upstream-refused · upstream-protocol · storage-failed · disk-full
 */
export type HookDriver<Hook extends SnapshotHook> = (hook: Hook, run: HookRun) => Promise<SourceIdentity>;
export type HookOf<Kind extends SnapshotHook["kind"]> = Extract<SnapshotHook, { kind: Kind }>;
export type HookDrivers = { [Kind in SnapshotHook["kind"]]: HookDriver<HookOf<Kind>> };
