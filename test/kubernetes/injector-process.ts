import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const main = new URL("../../apps/injector/src/main.ts", import.meta.url).pathname;

export type InjectorProcess = {
  url: string;
  probes: string;
  pid: number;
  ready(): Promise<boolean>;
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** With its folder; gives the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
};

/** The injector as a process of its own, which has printed that it listens. */
export async function startInjectorProcess(
  config: object,
  { program = main, nodeFlags = [] }: { program?: string; nodeFlags?: readonly string[] } = {},
): Promise<InjectorProcess> {
  const dir = await mkdtemp(join(tmpdir(), "locum-injector-"));
  const file = join(dir, "injector.yaml");
  const listening = { listen: "127.0.0.1:0", probes: "127.0.0.1:0", names: ["127.0.0.1"], drainSeconds: 1 };
  await writeFile(file, JSON.stringify({ ...listening, ...config }));
  const child: ChildProcess = spawn(process.execPath, [...nodeFlags, program, "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (part) => {
    said = `${said}${part}`.slice(-20_000);
  });
  const ended = once(child, "exit");
  if (!child.stdout) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, probes } = JSON.parse(line) as { url: string; probes: string };
    return {
      url,
      probes,
      pid: child.pid ?? 0,
      ready: () =>
        fetch(`${probes}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      log: () => said,
      signal: (name) => void child.kill(name),
      async end(signal = "SIGTERM") {
        child.kill(signal);
        const [code] = (await ended) as [number | null];
        await rm(dir, { recursive: true, force: true });
        return code;
      },
    };
  }
  throw new Error(`the injector ended: ${said}`);
}
