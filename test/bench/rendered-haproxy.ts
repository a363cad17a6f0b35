import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { passed, until } from "../stack/until.ts";
import { endProgram } from "./haproxy.ts";

export type RenderedHaproxy = {
  url: string;
  config: string;
  /** Asks for the state of its servers again and again; each answer with its time. */
  watch(onState: (weights: Record<string, number>, atMs: number) => void): () => void;
  close(): Promise<void>;
};

/** A HAProxy with the backend that `locum haproxy render` printed, and around it what a person writes. */
export async function startRendered({
  backend,
  name,
  port,
  socket,
  dir,
}: {
  backend: string;
  name: string;
  port: number;
  socket: string;
  dir: string;
}): Promise<RenderedHaproxy> {
  const config = `global
    maxconn 4000
    stats socket ${socket} mode 600 level admin
defaults
    mode http
    timeout client 30s
frontend ${name}-in
    bind 127.0.0.1:${port}
    ${backend.includes(`backend ${name}-direct`) ? `use_backend ${name}-direct if { nbsrv(${name}) eq 0 }` : ""}
    default_backend ${name}
${backend}`;
  const file = join(dir, `rendered-${port}.cfg`);
  await writeFile(file, config);
  const child = spawn("haproxy", ["-db", "-f", file], { stdio: "ignore" });
  process.once("exit", () => child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}`;
  const serves = () =>
    fetch(`${url}/v2/health/ready`, { signal: AbortSignal.timeout(500) }).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(serves, { what: "HAProxy to serve", everyMs: 50 });
  return {
    url,
    config,
    watch: (onState) => watchServers(socket, name, onState),
    close: () => endProgram(child),
  };
}

/** One connection in interactive mode: a question costs a fraction of a millisecond, so nothing is missed for long. */
function watchServers(
  path: string,
  backend: string,
  onState: (weights: Record<string, number>, atMs: number) => void,
): () => void {
  const socket = connect(path);
  socket.setEncoding("utf8").on("error", () => undefined);
  const ask = () => void socket.write(`show servers state ${backend}\n`);
  let text = "";
  socket.on("connect", () => socket.write("prompt\n"));
  socket.on("data", async (chunk) => {
    text += chunk;
    if (!text.endsWith("> ")) return;
    const atMs = performance.now();
    const rows = text.matchAll(/^\d+ \S+ \d+ (\S+) \S+ (\d+) (\d+) (\d+) \d+/gm);
    const weights: Record<string, number> = {};
    // A server that is not up, or is to take nothing new, counts as one without weight.
    for (const [, name = "", op, admin, weight] of rows)
      weights[name] = op === "2" && admin === "0" ? Number(weight) : 0;
    text = "";
    if (Object.keys(weights).length > 0) onState(weights, atMs);
    await passed(0);
    if (!socket.destroyed) ask();
  });
  return () => void socket.destroy();
}
