/** How one try at one target ended. `diverted`: taken back while it waited, which says nothing new. */
export type TapOutcome =
  | "ok"
  | "status5xx"
  | "refused"
  | "reset"
  | "timeout"
  | "not-finite"
  | "truncated"
  | "client-gone"
  | "diverted";

/** What the tap tells about traffic. `own`: sent to the own model server. Times are the tap's monotonic clock. */
export type TapEvent =
  | { kind: "started"; target: string; own: boolean; model: string | undefined; atMs: number }
  | {
      kind: "first-byte";
      target: string;
      own: boolean;
      model: string | undefined;
      status: number;
      ms: number;
    }
  | { kind: "bytes"; target: string; own: boolean; bytes: number }
  | {
      kind: "outcome";
      target: string;
      own: boolean;
      model: string | undefined;
      outcome: TapOutcome;
      /** Evidence against the instance. A 5xx is one only if another answered the same request well. */
      counts: boolean;
      status: number;
      detail: string;
      ms: number;
    }
  /** Another instance answered a request well that this one had failed: the request was not at fault. */
  | {
      kind: "contested";
      target: string;
      own: boolean;
      model: string | undefined;
      outcome: TapOutcome;
      detail: string;
    }
  | {
      kind: "finished";
      model: string | undefined;
      /** Zero where the client got no answer head. */
      status: number;
      resent: boolean;
      whole: boolean;
      ms: number;
    };
