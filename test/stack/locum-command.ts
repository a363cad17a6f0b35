import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Ended = { code: number | null; stdout: string; stderr: string };
export type UpLine = {
  collector: string;
  service: Record<string, string>;
  sidecars: { id: string; control: string; tap: string | null; agent: string }[];
  tokenFile: string;
};
export type Running = {
  child: ChildProcess;
  line: UpLine;
  /** Ends it as a service manager would, and waits. */
  end(): Promise<number | null>;
};
export type LocumCommand = {
  run(...args: string[]): Promise<Ended>;
  /** @throws where it does not end with 0 */
  done(...args: string[]): Promise<Ended>;
  /** Its standard error goes to up.log in `dir`. */
  up(config: string, ...more: string[]): Promise<Running>;
};

const main = fileURLToPath(new URL("../../apps/cli/src/main.ts", import.meta.url));

/** The commands that a person types, as processes of their own, with the operator's key inside `dir`. */
export function locumCommand({
  dir,
  env: more = {},
}: {
  dir: string;
  env?: Record<string, string>;
}): LocumCommand {
  for (const folder of ["home", "tmp"]) mkdirSync(join(dir, folder), { recursive: true });
  const env = {
    ...process.env,
    XDG_CONFIG_HOME: join(dir, "operator"),
    HOME: join(dir, "home"),
    TMPDIR: join(dir, "tmp"),
    NO_COLOR: "1",
    ...more,
  };
  const run = async (...args: string[]): Promise<Ended> => {
    const child = spawn(process.execPath, [main, ...args], {
      env,
      cwd: dir,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => (said.stdout += chunk));
    child.stderr.on("data", (chunk) => (said.stderr += chunk));
    const [code] = await once(child, "close");
    return { code, ...said };
  };
  return {
    run,
    async done(...args) {
      const ended = await run(...args);
      if (ended.code !== 0)
        throw new Error(
          `locum ${args.join(" ")} ended with ${ended.code}: ${ended.stdout}${ended.stderr}`.slice(0, 4000),
        );
      return ended;
    },
    up: (config, ...more) => startUp({ config, more, env, dir }),
  };
}

async function startUp({
  config,
  more,
  env,
  dir,
}: {
  config: string;
  more: string[];
  env: NodeJS.ProcessEnv;
  dir: string;
}): Promise<Running> {
  const child = spawn(
    process.execPath,
    [main, "up", "--config", config, "--json", "--end-with-stdin", ...more],
    {
      env,
      cwd: dir,
      // Held open by this process: when it dies, however it dies, everything below ends too.
      stdio: ["pipe", "pipe", "pipe"],
    },
  );
  let said = "";
  const log = createWriteStream(join(dir, "up.log"), { flags: "a" });
  child.stderr.on("data", (chunk) => {
    said = (said + chunk).slice(-4000);
  });
  child.stderr.pipe(log);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit");
  for await (const line of lines) {
    child.stdout.resume();
    return {
      child,
      line: JSON.parse(line),
      async end() {
        if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
        const [code] = await ended;
        return code;
      },
    };
  }
  throw new Error(`locum up ended before it served: ${said}`);
}
