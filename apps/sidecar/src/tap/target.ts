/** One place a request may be sent to: the own model server, a peer's tap, or a model server behind no tap. */
export type Target = {
  /** Names the instance in events; the same id always means the same place. */
  id: string;
  /** Scheme, host and port; a path is not used. */
  url: string;
  /** host:port of its gRPC, where that is another port than the URL's. A tap takes both on one port. */
  grpc?: string;
  /** Set on every request to it, in place of the client's headers of the same name (authentication). */
  headers?: Record<string, string>;
  /** PEM text of the authorities trusted for `https`, in place of the system's. */
  ca?: string;
  /** `tap` gets the hop header, so that two taps never send one request to and fro. */
  hop: "model" | "tap";
};

/**
 * Where requests may go right now: `own` is undefined while it is diverted or fenced, others are best first. `ownLast`
 * says that the others come before it (a standby beside an active); what a peer's tap sent it serves all the same.
 */
export type TargetChoice = { own: Target | undefined; others: Target[]; ownLast?: boolean };

/** Whether connections to one serve for the other: the target's address or credentials may change under its id. */
export function isSamePlace(a: Target, b: Target): boolean {
  const sameAddress = a.url === b.url && a.grpc === b.grpc && a.ca === b.ca;
  return sameAddress && JSON.stringify(a.headers) === JSON.stringify(b.headers);
}
