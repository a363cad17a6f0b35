import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../stack/free-port.ts";
import { passed } from "../stack/until.ts";

const program = "haproxy";

/** Null where it is not installed. */
export function haproxyVersion(): string | null {
  const { status, stdout } = spawnSync(program, ["-v"], { encoding: "utf8" });
  return status === 0 ? (stdout.split("\n")[0]?.split(" ")[2] ?? "unknown") : null;
}

/** Its own defaults of a health check, and a tuning that an experienced operator would choose for speed. */
export const haproxySettings = {
  default: {
    server: "check inter 2s fall 3 rise 2",
    defaults: ["option redispatch"],
  },
  tuned: {
    server: "check inter 200ms fastinter 100ms fall 2 rise 2 on-marked-down shutdown-sessions",
    defaults: ["option redispatch 1", "retry-on conn-failure empty-response", "retries 3"],
  },
} as const;
export type HaproxySetting = keyof typeof haproxySettings;

export function haproxyConfig(setting: HaproxySetting, port: number, [active, standby]: string[]): string {
  const { server, defaults } = haproxySettings[setting];
  return `global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  ${defaults.join("\n  ")}
  option httpchk GET /v2/health/ready
frontend digits
  bind 127.0.0.1:${port}
  default_backend models
backend models
  server a ${active} ${server}
  server b ${standby} ${server} backup
`;
}

export type Haproxy = { url: string; config: string; close(): Promise<void> };

export async function startHaproxy({
  setting,
  servers,
  dir,
}: {
  setting: HaproxySetting;
  servers: string[];
  dir: string;
}): Promise<Haproxy> {
  const port = await freePort();
  const hosts = servers.map((url) => new URL(url).host);
  const config = haproxyConfig(setting, port, hosts);
  const file = join(dir, `haproxy-${setting}.cfg`);
  await writeFile(file, config);
  const child = spawn(program, ["-db", "-f", file], { stdio: "ignore" });
  process.once("exit", () => child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 100 && child.exitCode === null; tries++) {
    const up = await fetch(`${url}/v2/health/ready`, { signal: AbortSignal.timeout(500) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (up) return { url, config, close: () => endProgram(child) };
    await passed(100);
  }
  await endProgram(child);
  throw new Error("HAProxy did not serve within 10 s");
}

export async function endProgram(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
