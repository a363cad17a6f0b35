import { Fault, type FaultCode } from "@locum/contracts";

/** What the API server says instead of an object, in an answer or inside a watch. */
export type StatusBody = { code?: unknown; reason?: unknown; message?: unknown };

const codes: Record<number, [FaultCode, string]> = {
  400: ["request-invalid", "This version of Kubernetes does not take what was sent."],
  401: [
    "not-authenticated",
    "The token or client certificate is not valid for this cluster, or has expired.",
  ],
  403: ["not-authorised", "Give the service account this right; locum install renders what each part needs."],
  404: ["not-found", "Does the object exist, and does this cluster know its kind?"],
  405: ["request-invalid", "This version of Kubernetes does not offer that."],
  409: ["conflict", "Somebody else wrote it first: read it again."],
  413: ["body-too-large", "Kubernetes takes about 1.5 MiB an object."],
  415: ["request-invalid", "This version of Kubernetes does not take this form."],
  422: ["request-invalid", "The message names the field."],
};

/** Whatever else it answers (429, 5xx) is of the moment: later another try may help. */
export function statusFault(status: number, body: unknown, what: string): Fault {
  const { message, reason } = (typeof body === "object" && body !== null ? body : {}) as StatusBody;
  const said = [typeof reason === "string" ? reason : "", typeof message === "string" ? message : ""]
    .filter((word) => word !== "")
    .join(": ")
    .slice(0, 1000);
  const [code, hint] = codes[status] ?? [
    "upstream-unreachable",
    "The Kubernetes API server is busy or in trouble.",
  ];
  return new Fault(code, `${what}: ${status}${said === "" ? "" : ` ${said}`}`, { hint });
}

/** The resourceVersion asked for is compacted away: list again. Said as a status, or as an event of an open watch. */
export const isExpired = (status: number, { code, reason }: StatusBody): boolean =>
  status === 410 || code === 410 || reason === "Expired" || reason === "Gone";
