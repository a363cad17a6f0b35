import { type AuditRecord, type Client, Fault, type Incident, type OperationView } from "@locum/contracts";

type Api = Pick<Client, "incidents" | "audit">;

/**
 * The incidents that a drill caused, once the last of them is closed, or as they stand at the deadline. A fault that
 * nobody has seen for so long is none that was found.
 */
export async function waitForStory(
  api: Api,
  operation: OperationView,
  {
    unseenMs,
    deadlineMs,
    clock,
    signal,
    onChange,
  }: {
    unseenMs: number;
    deadlineMs: number;
    clock: { monotonicMs(): number; sleep(ms: number, signal?: AbortSignal): Promise<void> };
    signal: AbortSignal;
    onChange: (incidents: Incident[]) => void;
  },
): Promise<Incident[]> {
  const startMs = clock.monotonicMs();
  let found: Incident[] = [];
  let told = "";
  while (!signal.aborted) {
    found = await causedBy(api, operation).catch((error: unknown) => {
      if (error instanceof Fault && error.retry !== "never") return found;
      throw error;
    });
    const story = JSON.stringify(found);
    if (story !== told) onChange(found);
    told = story;
    const waitedMs = clock.monotonicMs() - startMs;
    if (found.length > 0 && found.every(({ closedAtMs }) => closedAtMs !== null)) break;
    if (waitedMs > deadlineMs || (found.length === 0 && waitedMs > unseenMs)) break;
    // A promise alone keeps no process alive, and the clock's sleep does not either.
    const alive = setTimeout(() => undefined, pollMs * 2);
    await clock.sleep(pollMs, signal);
    clearTimeout(alive);
  }
  return found;
}

const pollMs = 250;

async function causedBy(api: Api, { id, service }: OperationView): Promise<Incident[]> {
  const incidents = await api.incidents({ service, limit: 50 });
  return incidents.filter(({ drill }) => drill === id).reverse();
}

const recordsMax = 10_000;

/** What the audit log says since the order, in its order. */
export async function recordsSince(
  api: Api,
  { service, createdAtMs }: OperationView,
): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  // From the newest back to the first before the order: a long log is not read whole.
  const page = await api.audit({ service, order: "desc", limit: 1000 });
  for (const record of page)
    if (Date.parse(record.event.at) >= createdAtMs - clockSlackMs) records.push(record);
  return records.reverse().slice(-recordsMax);
}

/** Sidecars write with their own clocks. */
const clockSlackMs = 2000;
