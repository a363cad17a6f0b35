export { isLoopback, splitAddress } from "./address.ts";
export { AuditClass, auditClassOf } from "./audit-class.ts";
export { AuditEvent, AuditKind, AuditRecord } from "./audit-event.ts";
export {
  type AuditStream,
  auditColumns,
  auditDocumentId,
  auditStreamName,
  auditStreams,
  elasticsearchField,
} from "./audit-fields.ts";
export { AuditProof } from "./audit-proof.ts";
export {
  AuditAggregation,
  AuditAnswer,
  AuditCondition,
  AuditField,
  AuditKeyword,
  type AuditMeasure,
  AuditNumber,
  AuditSearch,
  AuditSortField,
  type AuditSortKey,
  auditMeasures,
  auditOrder,
} from "./audit-search.ts";
export { canonicalJson } from "./canonical-json.ts";
export {
  type Client,
  type ClientOptions,
  createClient,
  type EvidenceView,
  FaultAnswer,
  type GoldenView,
  type InstanceView,
  type OperationView,
  type PauseView,
  type PodsView,
  type PodView,
  type ReadyView,
  type ReleaseView,
  type RepositoryView,
  type ServiceView,
  type ShippingView,
  type SnapshotDrillView,
  type SnapshotView,
  type StoredSnapshotView,
  type StreamEvent,
} from "./client.ts";
export { Act, Command, CommandResult } from "./command.ts";
export { CronExpression } from "./cron-expression.ts";
export { assert, Fault } from "./fault.ts";
export { exitCodes, type FaultCode, faultTable, type Retry } from "./fault-table.ts";
export {
  CollectorFrame,
  frameBytesMax,
  Peer,
  Policy,
  SidecarFrame,
  SignedPolicy,
  streamVersion,
  WitnessAnswer,
  WitnessRequest,
} from "./frame.ts";
export { ExpectedOutput, Golden, Tolerance } from "./golden.ts";
export { Incident, TimelineEntry } from "./incident.ts";
export { InferenceDecision, InferenceRecord, RequestId, requestIdPattern } from "./inference-record.ts";
export {
  decodeInputLogLine,
  effectsDigest,
  encodeInputLogLine,
  type InputLogLine,
} from "./input-log-line.ts";
export { type ModelKey, modelKey, splitModelKey } from "./model-key.ts";
export { nearestWord } from "./nearest-word.ts";
export { Probe } from "./probe.ts";
export { HttpJson, Protocol } from "./protocol.ts";
export { Approval, Digest, Release, ReleaseBody } from "./release.ts";
export { approveRelease, digestOf, goldenId, keyIdOf, sha256Hex, verifyRelease } from "./release-seal.ts";
export { BytesState, GoldenState, ModelReport, Report } from "./report.ts";
export {
  Address,
  Approver,
  Collector,
  CollectorElasticsearch,
  CollectorKubernetes,
  Inference,
  Instance,
  Name,
  PoolClass,
  type Restart,
  Role,
  restartProgram,
  ServiceConfig,
} from "./service.ts";
export {
  loadServiceFile,
  type ParsedService,
  parseServiceFile,
  problemLine,
  readServiceFile,
  type ServiceProblem,
} from "./service-file.ts";
export { resolveCollectorPaths, resolvePaths } from "./service-paths.ts";
export { serviceJsonSchema } from "./service-schema.ts";
export { SnapshotHook } from "./snapshot-hook.ts";
export { CollectorRepository, SnapshotPeers, SnapshotRepository } from "./snapshot-repository.ts";
export { Datatype, ModelMetadata, type Tensor, TensorSpec } from "./tensor.ts";
export { Tree, TreeFile, TreePath, treeChunkBytes } from "./tree.ts";
export { Evidence, Failure, Verdict } from "./verdict.ts";
