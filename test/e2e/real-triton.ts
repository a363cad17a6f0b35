import { execFile } from "node:child_process";
import { cp, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { until } from "../stack/until.ts";

export type RealTriton = {
  url: string;
  /** Folder of the digits model. */
  modelDir: string;
  /** Inputs of the goldens that come with it. */
  goldenFile: string;
  /** Replaces the live file by rename and loads it. */
  swap(to: "good" | "wrong"): Promise<void>;
  liveFile: string;
  close(): Promise<void>;
};

/**
 * A real Triton from the script of LOCUM_PEERS_DIR in a folder of its own: the digits model, and beside it `echo`,
 * which has no goldens and takes tensors of any size.
 */
export async function startRealTriton(scripts: string, dir: string): Promise<RealTriton> {
  const { stdout } = await promisify(execFile)(join(scripts, "start-triton.sh"), ["--dir", dir]);
  const { url, pid, modelDir, variants } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
    url: string;
    pid: number;
    modelDir: string;
    variants: string;
  };
  const load = async (model: string) => {
    const answer = await fetch(`${url}/v2/repository/models/${model}/load`, { method: "POST" });
    if (!answer.ok) throw new Error(`load of ${model}: ${answer.status} ${await answer.text()}`);
  };
  const live = join(modelDir, "1/model.npz");
  await writeEcho(join(dirname(modelDir), "echo"));
  await load("echo");
  return {
    url,
    modelDir,
    liveFile: live,
    goldenFile: join(variants, "golden.json"),
    async swap(to) {
      await cp(join(variants, to, "model.npz"), `${live}.new`);
      await rename(`${live}.new`, live);
      await load("digits");
    },
    async close() {
      signalGroup(pid, "SIGTERM");
      await until(() => !signalGroup(pid, 0), {
        what: "Triton to end",
        withinMs: 45_000,
        everyMs: 100,
      }).catch(() => signalGroup(pid, "SIGKILL"));
    },
  };
}

/** The server leads a process group of its own, with its stubs in it. False once nobody is left there. */
function signalGroup(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, name);
  } catch {
    return false;
  }
}

async function writeEcho(folder: string): Promise<void> {
  await mkdir(join(folder, "1"), { recursive: true });
  await writeFile(
    join(folder, "config.pbtxt"),
    `name: "echo"
backend: "python"
max_batch_size: 0
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
`,
  );
  await writeFile(
    join(folder, "1/model.py"),
    `import os
import sys
sys.path[:0] = [p for p in os.environ.get("PYTHONPATH", "").split(":") if p]
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        values = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("y", value)]) for value in values]
`,
  );
}
