import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Programs of one bench, in a folder of their own; all end with `close`, or with this process. */
export type Programs = {
  dir: string;
  /** One that prints `{"port":...}` on its first line. */
  announced(args: readonly string[]): Promise<{ pid: number; port: number }>;
  /** One that says nothing, and takes connections on `port` when it is ready. */
  listening(command: string, args: readonly string[], port: number): Promise<{ pid: number; port: number }>;
  close(): Promise<void>;
};

const startMsMax = 10_000;

export async function openPrograms(): Promise<Programs> {
  const dir = await mkdtemp(join(tmpdir(), "locum-bench-"));
  const children: ChildProcess[] = [];
  process.once("exit", () => {
    for (const child of children) child.kill("SIGKILL");
  });
  return {
    dir,
    announced([...args]) {
      const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
      children.push(child);
      return new Promise((resolve, reject) => {
        child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)));
        child.stdout?.once("data", (line: Buffer) =>
          resolve({ pid: child.pid ?? 0, port: JSON.parse(line.toString()).port }),
        );
      });
    },
    async listening(command, args, port) {
      const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"], cwd: dir });
      children.push(child);
      const startedMs = performance.now();
      while (child.exitCode === null && performance.now() - startedMs < startMsMax) {
        if (await accepts(port)) return { pid: child.pid ?? 0, port };
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`${command} does not listen on ${port} within ${startMsMax} ms`);
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
