import { type ServiceConfig, splitAddress } from "@locum/contracts";

/**
 * The backend of one service. The agent-check says up, drain or down within a second of the sidecar's verdict; HAProxy's
 * own check only sees whether the port opens, so that a dead sidecar is left alone rather than its model.
 */
export function renderHaproxy({ service, instances, posture, class: poolClass, failover }: ServiceConfig): {
  text: string;
  warnings: string[];
} {
  const warnings: string[] = [];
  const servers = instances.map(({ id, url, role, sidecar }) => {
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
    const standby = role === "standby" ? " backup" : "";
    return {
      main: `    server ${id} ${address} check inter 1s agent-check agent-addr ${host} agent-port ${agent.port} agent-inter 250ms${secure}${standby}`,
      direct: `    server ${id}-direct ${model} check inter 1s${tls ? " ssl verify required ca-file /etc/ssl/certs/ca-certificates.crt" : ""}${standby}`,
    };
  });
  const hasPath = posture === "tap" && poolClass !== "exclusive" && !failover.failClosed;
  const retries = posture === "tap" ? [] : ["    option redispatch"];
  const lines = [
    `# ${service}: made by locum haproxy render`,
    `backend ${service}`,
    "    mode http",
    "    balance first",
    "    timeout connect 1s",
    "    timeout server 300s",
    ...retries,
    ...servers.map(({ main }) => main),
    ...(hasPath
      ? [
          "",
          "# A dead tap must not be a dead model: used where no server above is up.",
          `# In the frontend: use_backend ${service}-direct if { nbsrv(${service}) eq 0 }`,
          `backend ${service}-direct`,
          "    mode http",
          "    balance first",
          "    timeout connect 1s",
          "    timeout server 300s",
          ...servers.map(({ direct }) => direct),
        ]
      : []),
  ];
  return { text: `${lines.join("\n")}\n`, warnings };
}

const isAny = (host: string): boolean => host === "0.0.0.0" || host === "[::]";
