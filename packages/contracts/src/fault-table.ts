export type Retry = "never" | "later" | "now";
type Row = {
  exit: number;
  http: 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 502 | 503 | 504;
  retry: Retry;
  hint: string;
};

/**
 * Every expected fault, once: exit code of the CLI, HTTP status of the API, whether another try can help, and
 * what to do. docs/errors.md is held equal to this table by a test.
 */
export const faultTable = {
  usage: { exit: 64, http: 400, retry: "never", hint: "See locum --help." },
  "config-unreadable": { exit: 64, http: 400, retry: "never", hint: "Name an existing file with --config." },
  "config-invalid": {
    exit: 64,
    http: 422,
    retry: "never",
    hint: "locum check prints each problem with its line.",
  },
  "request-invalid": {
    exit: 64,
    http: 422,
    retry: "never",
    hint: "The OpenAPI document at /openapi.json has the schema.",
  },
  "body-too-large": {
    exit: 64,
    http: 413,
    retry: "never",
    hint: "Send less, or raise the limit in the configuration.",
  },
  "not-authenticated": {
    exit: 12,
    http: 401,
    retry: "never",
    hint: "Give a token: --token-file, or Authorization: Bearer.",
  },
  "not-authorised": { exit: 12, http: 403, retry: "never", hint: "Use a token whose role allows this." },
  "not-found": { exit: 13, http: 404, retry: "never", hint: "List what exists with locum status." },
  "collector-unreachable": {
    exit: 10,
    http: 503,
    retry: "later",
    hint: "Is the collector running, and is the URL right?",
  },
  "not-leader": { exit: 10, http: 503, retry: "now", hint: "Another collector leads: ask that one." },
  "stale-term": { exit: 11, http: 409, retry: "never", hint: "A newer collector leadership has been seen." },
  "stale-epoch": { exit: 11, http: 409, retry: "never", hint: "A newer promotion has been seen." },
  "wrong-incarnation": {
    exit: 11,
    http: 409,
    retry: "never",
    hint: "The sidecar has restarted since; ask again.",
  },
  conflict: {
    exit: 11,
    http: 409,
    retry: "later",
    hint: "Another operation holds this; wait for it or abort it.",
  },
  "idempotency-mismatch": {
    exit: 11,
    http: 409,
    retry: "never",
    hint: "The key was used for another request.",
  },
  "too-many-requests": {
    exit: 11,
    http: 429,
    retry: "later",
    hint: "Wait a little, then ask again.",
  },
  refused: {
    exit: 4,
    http: 409,
    retry: "never",
    hint: "The reason says which safety rule stood against it.",
  },
  "upstream-unreachable": {
    exit: 2,
    http: 502,
    retry: "later",
    hint: "Is the model server running at this URL?",
  },
  "upstream-timeout": {
    exit: 2,
    http: 504,
    retry: "later",
    hint: "The model server accepted and did not answer.",
  },
  "upstream-protocol": {
    exit: 2,
    http: 502,
    retry: "never",
    hint: "locum detect URL shows which protocol answers there.",
  },
  "upstream-refused": {
    exit: 2,
    http: 502,
    retry: "never",
    hint: "The model server answered with an error of its own.",
  },
  "restart-failed": {
    exit: 2,
    http: 502,
    retry: "later",
    hint: "The detail holds the driver's last words; locum check says whether its program is there.",
  },
  "model-unknown": {
    exit: 64,
    http: 404,
    retry: "never",
    hint: "locum detect URL lists the models of a server.",
  },
  "golden-disagree": {
    exit: 4,
    http: 409,
    retry: "never",
    hint: "Instances of one release must answer alike: compare their files.",
  },
  "golden-unstable": {
    exit: 4,
    http: 409,
    retry: "never",
    hint: "The model answers one input in several ways: pin seeds or leave this input out.",
  },
  "golden-not-finite": {
    exit: 4,
    http: 409,
    retry: "never",
    hint: "An answer holds NaN or Inf: it can prove nothing.",
  },
  "release-invalid": {
    exit: 14,
    http: 422,
    retry: "never",
    hint: "Its digest or signature does not verify: approve it again.",
  },
  "release-unapproved": { exit: 4, http: 409, retry: "never", hint: "Sign it with locum approve." },
  "tree-changed": {
    exit: 11,
    http: 409,
    retry: "later",
    hint: "The files are not those that were judged; nothing was overwritten.",
  },
  "snapshot-missing": {
    exit: 13,
    http: 404,
    retry: "never",
    hint: "No verified copy of this release is at hand.",
  },
  "snapshot-corrupt": {
    exit: 14,
    http: 409,
    retry: "never",
    hint: "The copy does not verify and was not used.",
  },
  "disk-full": { exit: 15, http: 503, retry: "later", hint: "Free space; nothing was lost or half written." },
  "storage-failed": { exit: 15, http: 500, retry: "later", hint: "The disk answered with an error." },
  "evidence-invalid": {
    exit: 14,
    http: 422,
    retry: "never",
    hint: "The file was changed after it was signed.",
  },
  "objective-missed": {
    exit: 3,
    http: 409,
    retry: "never",
    hint: "The report names the objective and the measured value.",
  },
  internal: {
    exit: 1,
    http: 500,
    retry: "later",
    hint: "This is a defect of Locum: please report it with the log.",
  },
} as const satisfies Record<string, Row>;

export type FaultCode = keyof typeof faultTable;

/** Exit codes that are no fault of their own. */
export const exitCodes = { ok: 0, unexpected: 1, degraded: 2, interrupted: 130 } as const;
