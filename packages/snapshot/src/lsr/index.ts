export { type Base, folderBase } from "./base/folder-base.ts";
export { snapshotBase } from "./base/snapshot-base.ts";
export { type ByteSource, bytesSource } from "./byte-source.ts";
export type { Capture, Settled } from "./capture/capture.ts";
export {
  type CapturedInstance,
  type CaptureInstanceOptions,
  captureInstance,
} from "./capture/capture-instance.ts";
export type { CapturedState, Warning } from "./capture/capture-state.ts";
export { captureTree } from "./capture/capture-tree.ts";
export type { HookDriver, HookDrivers, SourceIdentity } from "./capture/hooks/hook-driver.ts";
export { type HookOutcome, runHooks } from "./capture/hooks/run-hooks.ts";
export type { Left } from "./capture/left.ts";
export { mapCapture } from "./capture/map-capture.ts";
export type { ProcessPort } from "./capture/process-port.ts";
export {
  idKeyFile,
  type KeyFilePorts,
  type KeyFileWrites,
  onlyOnce,
  readPrivateKey,
  readRecipients,
  readWriter,
  recipientsFile,
  type Writer,
  writeWriter,
} from "./crypto/key-files.ts";
export { type KeyOpener, keyOpener, type SealedFile } from "./crypto/key-opener.ts";
export type { KeyedHash } from "./crypto/keyed-hash.ts";
export { nativeHash } from "./crypto/native-hash.ts";
export { type Recipient, recipientOf } from "./crypto/recipient.ts";
export { readSigner, readSignerPublic } from "./crypto/signing-key.ts";
export type { FileKeys } from "./crypto/wrap-keys.ts";
export { diffManifests, type FileChange, type ReadRange } from "./manifest/diff-manifests.ts";
export { type ChunkRef, chunkRefs, type ManifestBody, type ManifestFile } from "./manifest/manifest-body.ts";
export type { Manifest } from "./manifest/open-manifest.ts";
export type { Stub } from "./manifest/stub.ts";
export type { Header, Stanza } from "./pack/header.ts";
export type { ParityInput } from "./parity/encode-parity.ts";
export { type Damage, isWhole } from "./parity/find-damage.ts";
export { type Healed, healPack } from "./parity/heal-pack.ts";
export type { Parity } from "./parity/parse-parity.ts";
export type { ChunkSource } from "./parity/salvage-chunks.ts";
export { createSnapshotPool, type SnapshotPool } from "./pipeline/snapshot-pool.ts";
export { advanceRef } from "./repository/advance-ref.ts";
export {
  type CheckOptions,
  type CheckReport,
  checkRepository,
  type DamagedFile,
} from "./repository/check-repository.ts";
export type { ChunkIndex, IndexedChunk } from "./repository/chunk-index.ts";
export { collectGarbage, type GarbageOptions, type GarbageReport } from "./repository/collect-garbage.ts";
export { type CommitInput, type Committed, commitSnapshot } from "./repository/commit-snapshot.ts";
export {
  type DrilledModel,
  drillKey,
  escrowChannel,
  type KeyDrillOptions,
  noteProof,
} from "./repository/drill-key.ts";
export { forget } from "./repository/forget.ts";
export type { Lease } from "./repository/gc-lease.ts";
export { type HealedPack, type HealOptions, healPacks } from "./repository/heal-packs.ts";
export { type Intent, listIntents } from "./repository/intent.ts";
export { type KeyAccess, readKeyAccess } from "./repository/key-access.ts";
export {
  appendKeyEvent,
  type KeyEvent,
  type KeyLog,
  type LoggedKeyEvent,
  readKeyLog,
} from "./repository/key-log.ts";
export {
  type ListedSnapshot,
  listSnapshots,
  peekStub,
  type SnapshotList,
} from "./repository/list-snapshots.ts";
export { type LoadedIndex, loadIndex } from "./repository/load-index.ts";
export { measureRepository, type Usage } from "./repository/measure.ts";
export { neededFiles } from "./repository/needed-files.ts";
export { openByManifests } from "./repository/open-by-manifests.ts";
export { type Chunks, openChunks } from "./repository/open-chunks.ts";
export { openFileKeys } from "./repository/open-file-keys.ts";
export { planForget } from "./repository/plan-forget.ts";
export {
  type RetentionPlan,
  type RetentionPolicy,
  type RetentionSnapshot,
  retentionPolicy,
} from "./repository/plan-retention.ts";
export { readRange } from "./repository/read-range.ts";
export { readSnapshot } from "./repository/read-snapshot.ts";
export { type ListedRecipient, listRecipients, publishRecipient } from "./repository/recipient-files.ts";
export { listRefs, moveRef, type Ref, type RefName, readRef } from "./repository/refs.ts";
export { releaseChannel } from "./repository/release-channel.ts";
export {
  createRepository,
  openRepository,
  type Repository,
  type RepositoryConfig,
  type RepositoryDeps,
} from "./repository/repository.ts";
export { type Rewrapped, rewrapKeys } from "./repository/rewrap-keys.ts";
export type { ScrubCoverage } from "./repository/scrub-coverage.ts";
export { type ScrubOptions, type ScrubReport, scrubRepository } from "./repository/scrub-repository.ts";
export { ulidPattern } from "./repository/ulid.ts";
export type { DroppedSource, FetchReport } from "./restore/chunk-fetcher.ts";
export { folderSource } from "./restore/folder-source.ts";
export { planRestore, type RestorePlan, type RestorePlanInput } from "./restore/plan-restore.ts";
export { repositorySource } from "./restore/repository-source.ts";
export { pooledChecks, type RestoreChecks } from "./restore/restore-checks.ts";
export type { RestoreProgress } from "./restore/restore-progress.ts";
export type { RestoreLayout } from "./restore/restore-site.ts";
export {
  type RestoredSnapshot,
  type RestoreSnapshotOptions,
  restoreSnapshot,
} from "./restore/restore-snapshot.ts";
export type { RestoreSource } from "./restore/restore-source.ts";
export { type SnapshotAt, snapshotAt } from "./restore/snapshot-at.ts";
export { chunksOfTree, snapshotTreeSource } from "./restore/snapshot-tree-source.ts";
export { type SwappedCurrent, swapCurrent } from "./restore/swap-current.ts";
export type { Blob, BlobStore } from "./store/blob-store.ts";
export { directoryStore } from "./store/directory-store.ts";
export { type Objects, objectBlobStore } from "./store/object-blob-store.ts";
export { openPlace, type Place, type PlacePorts } from "./store/open-place.ts";
export type { ChunkPlace, SnapshotFile } from "./write-snapshot.ts";
