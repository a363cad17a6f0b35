/** What can stand in the copy's way, for `ShippingView.problem`: what it is, and what a person does about it. */
export const shipProblems = {
  "es-unreachable": ["nobody answers at the URL", "look at the server, the network and the certificate"],
  "es-failing": ["the server answers that it fails, or that it took too long", "look at the server"],
  "es-unreadable": [
    "an answer with status 200 is not about what was asked",
    "look for a proxy or a login page between the two",
  ],
  "es-busy": ["the server refused five requests in a row as too many", "give it more room, or wait"],
  "es-blocked": [
    "writing is blocked: mostly a full disk",
    "free space; the server lifts the block by itself",
  ],
  "es-not-authorised": [
    "the key may not create documents",
    "put a key of `locum audit setup --keys` into `apiKeyFile`",
  ],
  "es-not-set-up": [
    "the data stream or its template is missing, or a plain index has its name",
    "run `locum audit setup`; a plain index has to be deleted first",
  ],
  "es-refuses": ["the server refuses each request as it is", "the detail has its words"],
  "es-reader-refused": [
    "the read key may not read, or not all of the stream answers",
    "put a key of `locum audit setup --keys` into `readApiKeyFile`; look for missing shards",
  ],
  "es-no-reader": [
    "there is no read key: conflicts are taken for the record itself, and nothing is counted",
    "put one into `readApiKeyFile`",
  ],
  "es-doubled": [
    "the stream has more documents of this log than the log has records",
    "`locum audit verify --from es` names them",
  ],
  "log-unreadable": ["the collector's own log cannot be read on", "look at its disk; `locum audit verify`"],
  "disk-full": ["the cursor or a dead letter cannot be written", "free space on the collector"],
  "storage-failed": ["the collector's disk answers with an error", "look at its disk"],
  conflict: ["another process writes to the folder of the copy", "stop it"],
  internal: ["a defect of Locum", "report it with the log"],
} as const satisfies Record<string, readonly [what: string, todo: string]>;

export type ShipProblem = keyof typeof shipProblems;
