import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export type SidecarProcess = {
  pid: number;
  tap: string;
  control: string;
  agent: string;
  status(): Promise<{
    report: { fit: boolean; verdict: { kind: string }; bytes: string; restorable: string[] };
    snapshots: { taken: number } | null;
  }>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
};

/** One sidecar as a process of its own: from source, or the bundle. */
export async function startSidecarProcess(
  main: string,
  args: readonly string[],
  { cwd = process.cwd(), nodeFlags = [] as string[] } = {},
): Promise<SidecarProcess> {
  const child: ChildProcess = spawn(process.execPath, [...nodeFlags, main, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  const ended = once(child, "exit");
  if (!child.stdout) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { tap: string; control: string; agent: string };
    return {
      ...said,
      pid: child.pid ?? 0,
      status: async () =>
        (await fetch(`${said.control}/status`)).json() as ReturnType<SidecarProcess["status"]>,
      async kill(signal) {
        child.kill(signal);
        const [code] = (await ended) as [number | null];
        return code;
      },
    };
  }
  throw new Error(`the sidecar ended: ${errors}`);
}
