import type { Keys } from "./keys.ts";
import type { Container, PodSpec, Probe } from "./pod.ts";
import { copy } from "./pod.ts";
import type { Note } from "./reasons.ts";
import { type ServerRow, serverRows, wordsOf } from "./recognise.ts";
import type { Original } from "./status.ts";
import type { Target } from "./target.ts";

/** Behind the sidecar's own: 8471 is the tap, 8472 control, 8473 the agent-check of bare machines. */
const firstPort = 8474;
/** From here on the system takes ports for its own connections. */
const lastPort = 32_767;
const textBytesMax = 2048;

export type Moved = { port: number; originals: Original[]; notes: Note[] };
/** One change that gives the server its new port, and how it is taken back. */
type Edit = { by: string; apply: () => void; originals: Original[] };

/**
 * A server whose port has no name that could be taken over is moved to a free port by its own flag or variable, so that
 * the sidecar can take the number that Services know. A word where that cannot be done for certain, in which case
 * nothing is changed. Changes the target's container.
 */
export function moveServer(pod: PodSpec, target: Target, keys: Keys): Moved | { why: string } {
  const { container, port } = target;
  const row = serverRows.find(({ server }) => server === target.server);
  if (!row) return { why: "its server is not known" };
  if (port < 1024) return { why: `the sidecar has no right to listen below 1024` };
  const side = sideOf(row, target);
  if (!side) return { why: `it is not the port on which ${row.server} is known to listen` };
  if (side.flags.length === 0 && side.env.length === 0)
    return { why: `${row.server} has no flag or variable for its port alone` };
  const free = freePort(pod, keys);
  if (free === undefined) return { why: "no free port was found" };
  const edit = planEdit(container, row, { ...side, from: port, to: free });
  if ("why" in edit) return edit;
  edit.apply();
  const probes = followPort(container, port, free);
  return {
    port: free,
    originals: [...edit.originals, ...probes.originals],
    notes: [
      { code: "port_moved", detail: `${row.server} listens on ${free} by ${edit.by}, the tap on ${port}` },
      ...probes.notes,
    ],
  };
}

type Side = { flags: readonly string[]; env: readonly string[] };

/** Which of the server's two ports it is: the one for HTTP, or the one for gRPC. */
function sideOf(row: ServerRow, { port, serverPorts }: Target): Side | null {
  if (serverPorts.http === port) return { flags: row.portFlags ?? [], env: row.portEnv ?? [] };
  if (row.grpc && serverPorts.grpc === port) return { flags: row.grpc.flags ?? [], env: row.grpc.env ?? [] };
  return null;
}

/** No number that stands anywhere in the pod: what is said in a flag or a variable may be a port as well. */
function freePort({ containers, initContainers }: PodSpec, keys: Keys): number | undefined {
  const text = JSON.stringify([containers, initContainers]);
  const taken = new Set([...text.matchAll(/\d{4,5}/g)].map(([digits]) => Number(digits)));
  for (const row of serverRows)
    for (const one of [row.port, row.grpc?.port, row.management]) if (one !== undefined) taken.add(one);
  for (let port = firstPort; port <= lastPort; port += 1)
    if (!taken.has(port) && port !== keys["tap-port"] && port !== keys["control-port"]) return port;
  return undefined;
}

type Change = Side & { from: number; to: number };

function planEdit(container: Container, row: ServerRow, change: Change): Edit | { why: string } {
  const words = wordsOf(container);
  const isSaid = change.flags.some((flag) =>
    words.some((word) => word === flag || word.startsWith(`${flag}=`)),
  );
  if (isSaid) return editFlag(container, change);
  const said = (container.env ?? []).filter(({ name }) => change.env.includes(name));
  if (said.length > 0) return editVariable(container, said, change);
  const [name] = change.env;
  if (name !== undefined) return addVariable(container, name, change);
  return addFlag(container, row, change);
}

/** The flag stands in the list as it is, or in one line for a shell. Only where it stands once it is certain. */
function editFlag(container: Container, { flags, from, to }: Change): Edit | { why: string } {
  const found: { list: "command" | "args"; index: number; text: string }[] = [];
  for (const list of ["command", "args"] as const)
    for (const [index, text] of (container[list] ?? []).entries()) {
      const before = container[list]?.[index - 1];
      const isValue = text === String(from) && before !== undefined && flags.includes(before);
      const made = isValue ? [String(to)] : flags.flatMap((flag) => replaced(text, flag, { from, to }));
      for (const one of made) found.push({ list, index, text: one });
    }
  const [only, ...others] = found;
  const mentions = [...(container.command ?? []), ...(container.args ?? [])]
    .join(" ")
    .split(/[\s"';&|\\=]+/)
    .filter((word) => flags.includes(word)).length;
  if (!only || others.length > 0 || mentions !== 1)
    return { why: "its flag does not stand in the arguments once, with the number itself" };
  const { list, index, text } = only;
  const was = container[list]?.[index] ?? "";
  if (was.length > textBytesMax) return { why: "the argument that holds its flag is too long to be kept" };
  return {
    by: flags[0] ?? "",
    apply: () => {
      container[list] = (container[list] ?? []).map((one, at) => (at === index ? text : one));
    },
    originals: [{ path: ["containers", container.name, list, index], was, now: text }],
  };
}

/** The text with the flag's number changed, once for each place; none where it is said in another way. */
function replaced(text: string, flag: string, { from, to }: { from: number; to: number }): string[] {
  const escaped = flag.replace(/[.*+?^${}()|[\]\\-]/g, "\\$&");
  const pattern = new RegExp(`(?<=(?:^|\\s)${escaped}(?:=|\\s+))${from}(?=$|[\\s;&|])`, "g");
  return [...text.matchAll(pattern)].map(
    ({ index }) => text.slice(0, index) + to + text.slice(index + String(from).length),
  );
}

function editVariable(
  container: Container,
  said: NonNullable<Container["env"]>,
  { from, to }: Change,
): Edit | { why: string } {
  const [only] = said;
  if (!only || said.length > 1 || only.value !== String(from))
    return { why: "the variable of its port does not stand there once, with the number itself" };
  return {
    by: only.name,
    apply: () => {
      container.env = (container.env ?? []).map((one) =>
        one === only ? { ...one, value: String(to) } : one,
      );
    },
    originals: [
      { path: ["containers", container.name, "env", only.name, "value"], was: String(from), now: String(to) },
    ],
  };
}

function addVariable(container: Container, name: string, { to }: Change): Edit {
  const { env } = container;
  return {
    by: name,
    apply: () => {
      container.env = [...(env ?? []), { name, value: String(to) }];
    },
    originals: [
      ...madeList(container, "env"),
      { path: ["containers", container.name, "env", name, "value"], now: String(to) },
    ],
  };
}

/** A flag at the end belongs to the server only where the list is its own, not that of a shell or a launcher. */
function addFlag(container: Container, row: ServerRow, { flags, to }: Change): Edit | { why: string } {
  const [flag] = flags;
  if (flag === undefined || !isOwnList(container, row))
    return { why: `whether ${flag ?? "its flag"} could stand at the end of its arguments is not certain` };
  const text = `${flag}=${to}`;
  const { args } = container;
  return {
    by: flag,
    apply: () => {
      container.args = [...(args ?? []), text];
    },
    originals: [
      ...madeList(container, "args"),
      { path: ["containers", container.name, "args", args?.length ?? 0], now: text },
    ],
  };
}

/** The program and what follows are the server's; or the image starts it, and the arguments are flags for it. */
function isOwnList({ command, args }: Container, { program, bare = false }: ServerRow): boolean {
  const [first, second, third] = [...(command ?? []), ...(args ?? [])];
  if (first === undefined) return bare;
  if (program.test(first)) return true;
  if (/(^|\/)python3?(\.\d+)?$/.test(first) && second === "-m") return program.test(third ?? "");
  return !command?.length && first.startsWith("-");
}

const madeList = (container: Container, list: "args" | "env"): Original[] => {
  const was: unknown = container[list];
  if (Array.isArray(was) && was.length > 0) return [];
  return [{ path: ["containers", container.name, list], ...(was === undefined ? {} : { was: copy(was) }) }];
};

const fields = ["readinessProbe", "livenessProbe", "startupProbe", "lifecycle"] as const;

/** Probes and hooks that named the number ask the server where it is now; what a program asks is only told. */
function followPort(
  container: Container,
  from: number,
  to: number,
): { originals: Original[]; notes: Note[] } {
  const originals: Original[] = [];
  const notes: Note[] = [];
  const follow = (handler: Probe | null | undefined): void => {
    for (const action of [handler?.httpGet, handler?.tcpSocket, handler?.grpc])
      if (action && String(action.port) === String(from)) action.port = to;
  };
  for (const field of fields) {
    const value = container[field];
    if (!value) continue;
    const was = copy(value);
    const handlers =
      field === "lifecycle"
        ? [container.lifecycle?.postStart, container.lifecycle?.preStop]
        : [value as Probe];
    for (const handler of handlers) follow(handler);
    if (JSON.stringify(was) !== JSON.stringify(value))
      originals.push({ path: ["containers", container.name, field], was });
    else if (
      new RegExp(`(^|\\D)${from}(\\D|$)`).test(JSON.stringify(handlers.map((one) => one?.exec ?? null)))
    )
      notes.push({
        code: "probe_through_tap",
        detail: `${field} of container ${container.name} runs a program that names port ${from}, which is the tap's now`,
      });
  }
  return { originals, notes };
}
