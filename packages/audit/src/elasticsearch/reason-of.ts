import type { ServerAnswer } from "./open-elasticsearch.ts";

/** Why a server refused, in one line: it says so in several forms. */
export function reasonOf({ status, body }: Pick<ServerAnswer, "status" | "body">): string {
  const error = (body as { error?: unknown } | null)?.error;
  const { reason, caused_by: cause } = (error ?? {}) as {
    reason?: unknown;
    caused_by?: { reason?: unknown };
  };
  const parts = [typeof error === "string" ? error : reason, cause?.reason].filter(
    (part): part is string => typeof part === "string",
  );
  const text = parts.length > 0 ? parts.join(": ") : `status ${status}`;
  return text.replaceAll(/\s+/g, " ").slice(0, 500).toWellFormed();
}
