import { type Client, Fault, type FaultCode, faultTable, type OperationView } from "@locum/contracts";
import type { Io } from "./io.ts";
import type { Output } from "./output.ts";

export const orderFlags = {
  service: { kind: "text", about: "service; that of the service file if absent" },
  target: { kind: "text", about: "instance, instead of the word after the verb" },
  reason: { kind: "text", fallback: "", about: "why; it goes into the audit log" },
  "no-wait": { kind: "switch", about: "do not wait for the end; the order goes on" },
} as const;

/**
 * Waits for the end of an order and says what came of it. An order that was refused or that failed is the Fault with
 * its code, so that the exit code is that of the reason.
 */
export async function followOrder(
  operation: OperationView,
  { client, io, out, wait }: { client: Pick<Client, "wait">; io: Io; out: Output; wait: boolean },
): Promise<OperationView> {
  out.progress(`${operation.kind} ${operation.instance}: ${operation.id}`);
  out.event({ ...operation, kind: "operation", operation: operation.kind });
  if (!wait) return operation;
  const ended = await client.wait(operation.id, {
    signal: io.signal,
    onChange: (now) => {
      out.progress(
        `${operation.kind} ${operation.instance}: ${now.state}${now.detail ? `: ${now.detail}` : ""}`,
      );
      out.event({ ...now, kind: "operation", operation: now.kind });
    },
  });
  if (ended.state === "done") return ended;
  throw new Fault(
    codeOf(ended),
    `${ended.kind} ${ended.instance}: ${ended.state}: ${ended.detail || ended.code}`,
  );
}

const codeOf = ({ code, state }: OperationView): FaultCode =>
  isCode(code) ? code : state === "refused" ? "refused" : "internal";
const isCode = (code: string): code is FaultCode => Object.hasOwn(faultTable, code);

/** The service that is meant: named, that of the service file, or the only one there is. */
export async function serviceOf(
  given: string | undefined,
  { client, config }: { client: Pick<Client, "services">; config: { service: string } | undefined },
): Promise<string> {
  if (given !== undefined) return given;
  if (config) return config.service;
  const services = await client.services();
  const [only] = services;
  if (only && services.length === 1) return only.service;
  throw new Fault(
    "usage",
    `expected --service, one of ${services.map(({ service }) => service).join(", ") || "none"}`,
  );
}

export function targetOf(word: string | undefined, flag: string | undefined): string {
  const target = flag ?? word;
  if (target === undefined)
    throw new Fault("usage", "expected an instance, found nothing", { hint: "locum status lists them." });
  return target;
}
