import type { Keys } from "./keys.ts";
import { type Container, copy, type Probe } from "./pod.ts";
import type { Note } from "./reasons.ts";
import type { Original } from "./status.ts";

/** What the sidecar asks in the kubelet's place; it reaches it as LOCUM_PROBES. */
export type AskedProbe = {
  scheme?: "HTTP" | "HTTPS";
  http?: { port: number; path: string; headers?: [string, string][] };
  tcp?: { port: number };
  grpc?: { port: number; service: string };
  timeoutMs: number;
};
export type AskedProbes = { readiness?: AskedProbe; liveness?: AskedProbe };

export type Rewritten = { asked: AskedProbes; originals: Original[]; notes: Note[] };

const fieldOf = { readiness: "readinessProbe", liveness: "livenessProbe" } as const;

/**
 * Lets the kubelet ask the sidecar, which asks the model as the kubelet would have and adds what it knows itself. Times
 * and thresholds stay. A probe with exec stays whole: the sidecar cannot run a program of another container. Changes
 * `container`.
 */
export function rewriteProbes(container: Container, keys: Keys): Rewritten {
  const mode =
    keys["rewrite-probes"] === "auto"
      ? keys.posture === "watch"
        ? "none"
        : "readiness"
      : keys["rewrite-probes"];
  const kinds =
    mode === "none" ? [] : mode === "all" ? (["readiness", "liveness"] as const) : (["readiness"] as const);
  const result: Rewritten = { asked: {}, originals: [], notes: [] };
  for (const kind of kinds) {
    const field = fieldOf[kind];
    const probe = container[field];
    if (!probe) continue;
    const asked = askedBy(probe, container);
    if (!asked) {
      result.notes.push({
        code: "probe_kept",
        detail: `${field} of container ${container.name} stays with the kubelet: ${probe.exec ? "exec" : "its port or handler is not known"}`,
      });
      continue;
    }
    const { httpGet: _h, tcpSocket: _t, grpc: _g, ...times } = probe;
    result.asked[kind] = asked;
    result.originals.push({ path: ["containers", container.name, field], was: copy(probe) });
    container[field] = { httpGet: { path: `/probe/${kind}`, port: keys["control-port"] }, ...times };
  }
  return result;
}

function askedBy(probe: Probe, container: Container): AskedProbe | null {
  const timeoutMs = Math.min(Math.max((probe.timeoutSeconds ?? 1) * 1000, 100), 60_000);
  if (probe.httpGet) return askedByHttp(probe.httpGet, container, timeoutMs);
  if (probe.tcpSocket) {
    const port = portOf(probe.tcpSocket.port, container);
    return port === null || probe.tcpSocket.host !== undefined ? null : { tcp: { port }, timeoutMs };
  }
  if (!probe.grpc) return null;
  const { port, service } = probe.grpc;
  return { grpc: { port, service: typeof service === "string" ? service : "" }, timeoutMs };
}

function askedByHttp(
  { port: ref, path, scheme = "HTTP", host, httpHeaders }: NonNullable<Probe["httpGet"]>,
  container: Container,
  timeoutMs: number,
): AskedProbe | null {
  const port = portOf(ref, container);
  // Another host is another machine's business, and no answer about this pod.
  if (port === null || host !== undefined || (scheme !== "HTTP" && scheme !== "HTTPS")) return null;
  const headers = Array.isArray(httpHeaders)
    ? httpHeaders.flatMap((one: { name?: unknown; value?: unknown } | null): [string, string][] =>
        typeof one?.name === "string" && typeof one.value === "string" ? [[one.name, one.value]] : [],
      )
    : [];
  return {
    ...(scheme === "HTTPS" ? { scheme } : {}),
    http: { port, path: path || "/", ...(headers.length > 0 ? { headers } : {}) },
    timeoutMs,
  };
}

function portOf(ref: string | number, { ports }: Container): number | null {
  const port =
    typeof ref === "number" || /^\d{1,5}$/.test(ref)
      ? Number(ref)
      : ((ports ?? []).find(({ name }) => name === ref)?.containerPort ?? Number.NaN);
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : null;
}
