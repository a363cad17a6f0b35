import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

export type ModelProcess = {
  id: string;
  url: string;
  repository: string;
  pidFile: string;
  signal(signal: NodeJS.Signals): void;
  post(path: string, body?: object): Promise<number>;
  /** Ends it for good. */
  close(): Promise<void>;
};

/** How long the supervisor waits before it starts the server again, as systemd's RestartSec would. */
const restartMs = 500;

/**
 * One real model server under a supervisor that starts it again whenever it ends, on the same port: what systemd or
 * a kubelet does in production. Locum only ends it (the restart driver), the supervisor brings it back.
 */
export async function startModelProcess({
  id,
  repository,
  program,
  pidFile,
}: {
  id: string;
  repository: string;
  program: string;
  pidFile: string;
}): Promise<ModelProcess> {
  let child: ChildProcess;
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  const start = (port: string) => {
    child = spawn(process.execPath, [program, "--repository", repository, "--port", port], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    if (child.pid) writeFileSync(pidFile, String(child.pid));
    child.on("exit", () => {
      if (!closing) timer = setTimeout(() => start(new URL(url).port), restartMs);
    });
    return child;
  };
  const url = await firstLine(start("0"), id);
  return {
    id,
    url,
    repository,
    pidFile,
    signal: (signal) => void child.kill(signal),
    post: (path, body) => post(url + path, body),
    async close() {
      closing = true;
      clearTimeout(timer);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function firstLine(child: ChildProcess, id: string): Promise<string> {
  if (!child.stdout) throw new Error("the model server has no output");
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line).url;
  throw new Error(`the model server of ${id} ended before it listened`);
}

async function post(url: string, body?: object): Promise<number> {
  const answer = await fetch(url, {
    method: "POST",
    ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
  });
  await answer.arrayBuffer();
  return answer.status;
}
