import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type ModelProcess = {
  id: string;
  url: string;
  repository: string;
  pidFile: string;
  /** Written by the restart driver: "start it again". */
  wantedFile: string;
  pid(): number | undefined;
  signal(signal: NodeJS.Signals): void;
  post(path: string, body?: object): Promise<number>;
  /** Starts it again if it has ended. */
  revive(): Promise<void>;
  close(): Promise<void>;
};

const program = fileURLToPath(new URL("../model-server/main.ts", import.meta.url));
const lookMs = 50;
/** The server ends when whoever holds its standard input is gone, a test run that was killed too. */
const endsWithParent = `data:text/javascript,${encodeURIComponent(
  'process.stdin.on("error",()=>{}).once("end",()=>process.exit(1)).resume()',
)}`;

/**
 * One real model server in a process of its own. Nobody starts it again when it ends, except who asks for it: the
 * restart driver of Locum (by a file), or the test.
 */
export async function startModelProcess({
  id,
  dir,
  repository,
  maxConcurrency = 64,
}: {
  id: string;
  dir: string;
  repository: string;
  maxConcurrency?: number;
}): Promise<ModelProcess> {
  const [pidFile, wantedFile] = [`${dir}/${id}.pid`, `${dir}/${id}.wanted`];
  let child: ChildProcess | undefined;
  let closed = false;
  const start = async (port: string): Promise<string> => {
    const args = ["--repository", repository, "--port", port, "--max-concurrency", String(maxConcurrency)];
    const started = spawn(process.execPath, ["--import", endsWithParent, program, ...args], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    child = started;
    if (started.pid) writeFileSync(pidFile, String(started.pid));
    for await (const line of createInterface({ input: started.stdout })) return JSON.parse(line).url;
    throw new Error(`the model server ${id} ended before it listened`);
  };
  const url = await start("0");
  const isDown = () => !child || child.exitCode !== null || child.signalCode !== null;
  let reviving: Promise<unknown> | undefined;
  const revive = async () => {
    if (closed || !isDown()) return;
    reviving ??= start(new URL(url).port).finally(() => {
      reviving = undefined;
    });
    await reviving;
  };
  const timer = setInterval(() => {
    if (isDown() && isWanted(wantedFile)) void revive().catch(() => undefined);
  }, lookMs);
  return {
    id,
    url,
    repository,
    pidFile,
    wantedFile,
    pid: () => (isDown() ? undefined : child?.pid),
    signal: (signal) => void child?.kill(signal),
    revive,
    async post(path, body) {
      const answer = await fetch(url + path, {
        method: "POST",
        ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
      });
      await answer.arrayBuffer();
      return answer.status;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      if (!child || isDown()) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function isWanted(file: string): boolean {
  try {
    readFileSync(file);
    rmSync(file);
    return true;
  } catch {
    return false;
  }
}
