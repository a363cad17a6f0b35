import { execFile } from "node:child_process";
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);
/** A Python with NVIDIA's client in it. */
export const clientPython = (): Promise<string> =>
  pythonWith("tritonclient", ["tritonclient[http,grpc]==2.73.0"]);

/** A virtual environment with these packages, made once and kept where the servers' own are. Its interpreter. */
export async function pythonWith(name: string, requirements: readonly string[]): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const venv = join(cache, "locum-peers", name, requirements.join("+").replaceAll(/[^\w.]/g, "-"));
  const done = join(venv, ".complete");
  const made = await access(done).then(
    () => true,
    () => false,
  );
  if (!made) {
    await rm(venv, { recursive: true, force: true });
    await mkdir(venv, { recursive: true });
    await exec(process.env.LOCUM_PEERS_PYTHON ?? "python3", ["-m", "venv", venv]);
    await exec(join(venv, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", ...requirements]);
    await writeFile(done, requirements.join("\n"));
  }
  return join(venv, "bin/python");
}
