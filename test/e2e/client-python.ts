import { execFile } from "node:child_process";
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);
const requirement = "tritonclient[http,grpc]==2.73.0";

/** A Python with NVIDIA's client in it: a virtual environment, made once and kept where the servers' own are. */
export async function clientPython(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const venv = join(cache, "locum-peers", "tritonclient", requirement.replaceAll(/[^\w.]/g, "-"));
  const done = join(venv, ".complete");
  const made = await access(done).then(
    () => true,
    () => false,
  );
  if (!made) {
    await rm(venv, { recursive: true, force: true });
    await mkdir(venv, { recursive: true });
    await exec(process.env.LOCUM_PEERS_PYTHON ?? "python3", ["-m", "venv", venv]);
    await exec(join(venv, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", requirement]);
    await writeFile(done, requirement);
  }
  return join(venv, "bin/python");
}
