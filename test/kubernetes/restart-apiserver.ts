import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Cluster } from "./start-kubernetes.ts";

/** Kills the API server at once; what gives it back starts it again, on the same port and data. */
export async function killApiserver({ kubeconfig }: Cluster): Promise<() => Promise<void>> {
  const dir = dirname(kubeconfig);
  process.kill(Number(await readFile(join(dir, "pid", "apiserver"), "utf8")), "SIGKILL");
  return async () => {
    const script = join(process.env.LOCUM_K8S_DIR ?? "", "start.sh");
    await promisify(execFile)(script, ["--dir", dir], { maxBuffer: 16 * 1024 * 1024 });
  };
}
