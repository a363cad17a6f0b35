import { type ServiceConfig, splitAddress } from "@locum/contracts";

/**
 * The backend of one service. Roles change, so none is written down as backup: the agent-check gives each server its
 * weight (all to the active, the least to who stands by, drain or down to who must not answer), within a tenth of a
 * second, and a sidecar on HAProxy's own machine says the same over the Runtime API at once. HAProxy's own check only
 * sees whether the port opens.
 */
export function renderHaproxy({
  service,
  instances,
  posture,
  class: poolClass,
  failover,
  traffic,
}: ServiceConfig): {
  text: string;
  warnings: string[];
} {
  const warnings: string[] = [];
  const named = traffic.haproxy.find(({ backend }) => backend !== undefined && backend !== service);
  if (named) warnings.push(`traffic.haproxy names backend ${named.backend}: call this one so`);
  const serving = instances.filter(({ shadow }) => !shadow);
  const servers = serving.map(({ id, url, sidecar }) => {
    const direct = new URL(url);
    const tls = direct.protocol === "https:";
    const model = `${direct.hostname}:${direct.port || (tls ? 443 : 80)}`;
    const agent = splitAddress(sidecar.agent);
    const tap = splitAddress(sidecar.tap);
    if (agent.port === 0) warnings.push(`${id}: sidecar.agent has port 0: set a fixed one`);
    if (posture === "tap" && tap.port === 0) warnings.push(`${id}: sidecar.tap has port 0: set a fixed one`);
    const host = isAny(agent.host) ? direct.hostname : agent.host;
    const address = posture === "tap" ? `${isAny(tap.host) ? direct.hostname : tap.host}:${tap.port}` : model;
    const secure =
      posture !== "tap" && tls ? " ssl verify required ca-file /etc/ssl/certs/ca-certificates.crt" : "";
    return {
      main: `    server ${id} ${address} weight 100 check inter 1s agent-check agent-addr ${host} agent-port ${agent.port} agent-inter 100ms${secure}`,
      direct: `    server ${id}-direct ${model} check inter 1s${tls ? " ssl verify required ca-file /etc/ssl/certs/ca-certificates.crt" : ""}`,
    };
  });
  const hasPath = posture === "tap" && poolClass !== "exclusive" && !failover.failClosed;
  const sockets = traffic.haproxy.map(({ runtime }) =>
    runtime.startsWith("/") ? `${runtime} mode 660 group locum level admin` : `${runtime} level admin`,
  );
  const lines = [
    `# ${service}: made by locum haproxy render`,
    ...sockets.map((socket) => `# In global, for the Runtime API: stats socket ${socket}`),
    `backend ${service}`,
    "    mode http",
    "    balance roundrobin",
    "    timeout connect 1s",
    "    timeout server 300s",
    // Only a connection that never stood is tried elsewhere: which sent request may be repeated is the taps' business.
    "    option redispatch",
    ...servers.map(({ main }) => main),
    ...(hasPath
      ? [
          "",
          "# A dead tap must not be a dead model: used where no server above is up.",
          `# In the frontend: use_backend ${service}-direct if { nbsrv(${service}) eq 0 }`,
          `backend ${service}-direct`,
          "    mode http",
          "    balance roundrobin",
          "    timeout connect 1s",
          "    timeout server 300s",
          ...servers.map(({ direct }) => direct),
        ]
      : []),
  ];
  return { text: `${lines.join("\n")}\n`, warnings };
}

const isAny = (host: string): boolean => host === "0.0.0.0" || host === "[::]";
