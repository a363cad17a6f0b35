import type { WireDefect } from "@locum/serving";

/** How one try at one target ended. `diverted`: taken back while it waited, which says nothing new. */
export type TapOutcome =
  | "ok"
  | "status5xx"
  | "refused"
  | "reset"
  | "timeout"
  | "client-gone"
  | "diverted"
  | DefectOutcome;

/** What a wire says of an answer, in its own words but for the one that has a name here already. */
export type DefectOutcome = Exclude<WireDefect["kind"], "status-5xx">;

/** What the tap tells about traffic. `own`: sent to the own model server. Times are the tap's monotonic clock. */
export type TapEvent =
  | {
      kind: "started";
      target: string;
      own: boolean;
      /** An inference; its model may be unknown all the same. */
      infer: boolean;
      model: string | undefined;
      atMs: number;
    }
  | {
      kind: "first-byte";
      target: string;
      own: boolean;
      model: string | undefined;
      status: number;
      ms: number;
    }
  | { kind: "bytes"; target: string; own: boolean; bytes: number }
  /**
   * A stream gave its first token, after `ms` from the end of the request, or another one, `ms` after the one before.
   * Tokens that came in one piece are told once, those before the end of the request not at all.
   */
  | { kind: "token"; target: string; own: boolean; first: boolean; ms: number; requestBytes: number }
  | {
      kind: "outcome";
      target: string;
      own: boolean;
      infer: boolean;
      model: string | undefined;
      outcome: TapOutcome;
      /** Evidence against the instance. A 5xx is one only if another answered the same request well. */
      counts: boolean;
      status: number;
      detail: string;
      ms: number;
      /**
       * How long the server alone was waited for: until the end of its answer, of a stream until its first token.
       * Undefined where the two sides took turns.
       */
      serverMs: number | undefined;
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
