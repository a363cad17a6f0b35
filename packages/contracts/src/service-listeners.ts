import { isLoopback, splitAddress } from "./address.ts";
import type { ServiceConfig } from "./service.ts";
import type { RelationProblem } from "./service-relations.ts";
import type { PathKey } from "./yaml-document.ts";

type Socket = { path: PathKey[]; host: string; port: number; machine: string | undefined };

/** Ports that cannot both open, and listeners that would carry tokens in the clear. */
export function listenerProblems(config: ServiceConfig): RelationProblem[] {
  const listeners = listenersOf(config);
  const servers = config.instances.map(serverOf);
  const clashes = listeners.flatMap((listener, index) => {
    const other = [...servers, ...listeners.slice(0, index)].find((taken) => clash(listener, taken));
    return other
      ? [{ path: listener.path, expected: "a port of its own", found: `the port of ${other.path.join(".")}` }]
      : [];
  });
  return [...clashes, ...clearTokens(config), ...runtimeElsewhere(config)];
}

/** HAProxy's Runtime API asks nobody who he is, so it must not be reached over a network. */
function runtimeElsewhere({ traffic }: ServiceConfig): RelationProblem[] {
  return traffic.haproxy.flatMap(({ runtime }, index) =>
    runtime.startsWith("/") || isLoopback(splitAddress(runtime).host)
      ? []
      : [
          {
            path: ["traffic", "haproxy", index, "runtime"],
            expected: "a loopback address, or the path of a socket",
            found: runtime,
          },
        ],
  );
}

function clearTokens({ collector }: ServiceConfig): RelationProblem[] {
  const problems: RelationProblem[] = [];
  if (!isLoopback(splitAddress(collector.listen).host) && !collector.tls)
    problems.push({
      path: ["collector", "listen"],
      expected: "a loopback address, or collector.tls",
      found: `${collector.listen} without tls`,
    });
  const url = collector.url === undefined ? undefined : new URL(collector.url);
  if (url?.protocol === "http:" && !isLoopback(url.hostname))
    problems.push({
      path: ["collector", "url"],
      expected: "https:// off loopback: tokens travel there",
      found: url.href,
    });
  return problems;
}

function listenersOf(config: ServiceConfig): Socket[] {
  const at = (path: PathKey[], address: string, machine?: string): Socket => ({
    path,
    ...splitAddress(address),
    machine,
  });
  return [
    at(["listen"], config.listen),
    at(["collector", "listen"], config.collector.listen),
    ...config.instances.flatMap(({ sidecar, domain }, index) =>
      (["tap", "control", "agent", "files"] as const).flatMap((name) =>
        sidecar[name] === undefined ? [] : [at(["instances", index, "sidecar", name], sidecar[name], domain)],
      ),
    ),
  ];
}

function serverOf({ url, domain }: ServiceConfig["instances"][number], index: number): Socket {
  const { hostname, port, protocol } = new URL(url);
  const standard = protocol === "https:" ? 443 : 80;
  return {
    path: ["instances", index, "url"],
    host: hostname,
    port: port === "" ? standard : Number(port),
    machine: domain,
  };
}

/** Instances of different failure domains are on different machines: there one port may be used twice. */
function clash(a: Socket, b: Socket): boolean {
  if (a.port === 0 || a.port !== b.port) return false;
  if (a.machine !== undefined && b.machine !== undefined && a.machine !== b.machine) return false;
  const [hostA, hostB] = [nameOf(a.host), nameOf(b.host)];
  if (hostA === hostB) return true;
  return (isAny(hostA) && isLoopback(hostB)) || (isAny(hostB) && isLoopback(hostA));
}

const isAny = (host: string): boolean => host === "0.0.0.0" || host === "[::]";
const nameOf = (host: string): string => (host === "localhost" ? "127.0.0.1" : host.toLowerCase());
