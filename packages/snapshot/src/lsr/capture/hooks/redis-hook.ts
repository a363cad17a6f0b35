import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import type { HookDriver, HookOf } from "./hook-driver.ts";
import { readSecret } from "./read-secret.ts";
import { runProgram } from "./run-program.ts";

/**
 * `redis-cli --rdb`: the server forks and sends its data as a replica would get it, so that no file of its machine is
 * needed. The password goes by the environment, never by the command line.
 */
export const redisHook: HookDriver<HookOf<"redis">> = async (hook, { dir, signal }) => {
  const { host, port, user, passwordFile, program } = hook;
  const args = [
    "-h",
    host,
    "-p",
    String(port),
    ...(user === undefined ? [] : ["--user", user]),
    "--no-auth-warning",
  ];
  const env = { REDISCLI_AUTH: passwordFile === undefined ? undefined : await readSecret(passwordFile) };
  const target = join(dir, "dump.rdb");
  const info = await runProgram(program, [...args, "INFO"], { env, signal });
  await runProgram(program, [...args, "--rdb", target], { env, signal });
  await checkRdb(target);
  return { host, port, ...parseRedisInfo(info) };
};

/** The program ends with 0 after some errors too: the file's own first bytes, and its end, say whether it is whole. */
async function checkRdb(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const [head, tail] = [Buffer.alloc(9), Buffer.alloc(9)];
    await handle.read(head, 0, 9, 0);
    await handle.read(tail, 0, 9, Math.max(0, size - 9));
    // An end mark and eight bytes of checksum.
    if (size < 18 || !/^REDIS\d{4}$/.test(head.toString("latin1")) || tail[0] !== 0xff) {
      await rm(path, { force: true });
      throw new Fault(
        "upstream-protocol",
        `expected a whole RDB file, found ${size} bytes of something else`,
      );
    }
  } finally {
    await handle.close();
  }
}

/** Of the lines `name:value` those that tell one server, and one state of it, from another. */
export function parseRedisInfo(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(
    /^(redis_version|run_id|master_replid|master_repl_offset):([\x21-\x7e]{1,64})\r?$/gm,
  ))
    if (name && value) found[name] ??= value;
  if (!found.run_id)
    throw new Fault(
      "upstream-refused",
      `expected INFO of a Redis server, found "${text.slice(0, 80).trim()}"`,
    );
  return found;
}
