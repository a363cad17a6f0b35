import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type StartedCollector = {
  url: string;
  tokenFile: string;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<{ status: number; body: unknown }>;
  kill(signal?: NodeJS.Signals): Promise<void>;
};

const main = fileURLToPath(new URL("../../apps/collector/src/main.ts", import.meta.url));

/** A collector as a process of its own: what a sidecar really speaks with. */
export async function startCollector(
  configFile: string,
  { listen = "127.0.0.1:0", dataDir }: { listen?: string; dataDir: string },
): Promise<StartedCollector> {
  const child: ChildProcess = spawn(
    process.execPath,
    [main, "--config", configFile, "--listen", listen, "--data-dir", dataDir],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  const ended = once(child, "exit");
  if (!child.stdout) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, tokenFile } = JSON.parse(line) as { url: string; tokenFile: string };
    const { tokens } = JSON.parse(await readFile(tokenFile, "utf8")) as {
      tokens: { role: string; token: string }[];
    };
    const authorization = `Bearer ${tokens.find(({ role }) => role === "admin")?.token}`;
    return {
      url,
      tokenFile,
      get: async (path) => (await fetch(url + path, { headers: { authorization } })).json(),
      async post(path, body) {
        const answer = await fetch(url + path, {
          method: "POST",
          headers: {
            authorization,
            "content-type": "application/json",
            "idempotency-key": `${path}-${performance.now()}`,
          },
          body: JSON.stringify(body),
        });
        return { status: answer.status, body: await answer.json() };
      },
      async kill(signal = "SIGKILL") {
        child.kill(signal);
        await ended;
      },
    };
  }
  throw new Error(`the collector ended: ${errors}`);
}
