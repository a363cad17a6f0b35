import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Up = {
  collector: string;
  service: Record<string, string>;
  sidecars: { id: string; control: string }[];
  tokenFile: string;
  pids: { collector: number };
};

export type Cli = {
  run(...args: string[]): Promise<void>;
  up(config: string): Promise<Up>;
  close(): Promise<void>;
};

/** The same commands that a person types, as processes of their own, with the operator's key inside the demo's folder. */
export function openCli({ main, dir, signal }: { main: string; dir: string; signal: AbortSignal }): Cli {
  const env = { ...process.env, XDG_CONFIG_HOME: join(dir, "operator"), NO_COLOR: "1" };
  let running: ChildProcess | undefined;
  return {
    async run(...args) {
      const child = spawn(process.execPath, [main, ...args, "--json"], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
        signal,
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      const [code] = await once(child, "close");
      if (code !== 0)
        throw new Error(`locum ${args.slice(0, 2).join(" ")} ended with ${code}: ${said.slice(-2000)}`);
    },
    async up(config) {
      const child = spawn(process.execPath, [main, "up", "--config", config, "--end-with-stdin", "--json"], {
        env,
        stdio: ["pipe", "pipe", "pipe"],
      });
      running = child;
      let said = "";
      child.stderr.on("data", (chunk) => {
        said = (said + chunk).slice(-4000);
      });
      for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
      throw new Error(`locum up ended: ${said}`);
    },
    async close() {
      if (!running || running.exitCode !== null || running.signalCode !== null) return;
      const ended = once(running, "exit");
      running.kill("SIGTERM");
      await ended;
    },
  };
}
