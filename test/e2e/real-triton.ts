import { execFile } from "node:child_process";
import { cp, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { until } from "../stack/until.ts";

export type RealTriton = {
  url: string;
  grpc: string;
  /** Folder of the digits model. */
  modelDir: string;
  /** Inputs of the goldens that come with it. */
  goldenFile: string;
  /** Replaces the live file by rename and loads it. */
  swap(to: "good" | "wrong"): Promise<void>;
  liveFile: string;
  /** Ends all of it at once, as the kernel does. */
  kill(): void;
  close(): Promise<void>;
};

/**
 * A real Triton from the script of LOCUM_PEERS_DIR in a folder of its own: the digits model, and beside it models
 * that have no goldens. `echo` takes tensors of any size.
 */
export async function startRealTriton(
  scripts: string,
  dir: string,
  { beside = ["echo"] }: { beside?: readonly (keyof typeof models)[] } = {},
): Promise<RealTriton> {
  const { stdout } = await promisify(execFile)(join(scripts, "start-triton.sh"), ["--dir", dir], {
    env: { ...process.env, LOCUM_CANCELLED: join(dir, "cancelled") },
  });
  const { url, grpc, pid, modelDir, variants } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
    url: string;
    grpc: string;
    pid: number;
    modelDir: string;
    variants: string;
  };
  const load = async (model: string) => {
    const answer = await fetch(`${url}/v2/repository/models/${model}/load`, { method: "POST" });
    if (!answer.ok) throw new Error(`load of ${model}: ${answer.status} ${await answer.text()}`);
  };
  const live = join(modelDir, "1/model.npz");
  for (const name of beside) {
    await writeModel(join(dirname(modelDir), name), name);
    await load(name);
  }
  return {
    url,
    grpc,
    modelDir,
    liveFile: live,
    goldenFile: join(variants, "golden.json"),
    async swap(to) {
      await cp(join(variants, to, "model.npz"), `${live}.new`);
      await rename(`${live}.new`, live);
      await load("digits");
    },
    kill: () => void signalGroup(pid, "SIGKILL"),
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

const header = `import os
import sys
sys.path[:0] = [p for p in os.environ.get("PYTHONPATH", "").split(":") if p]
import threading
import time
import numpy as np
import triton_python_backend_utils as pb_utils
given = lambda request: pb_utils.get_input_tensor_by_name(request, "x").as_numpy()
said = lambda values: pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("y", values)])
`;

const models = {
  /** What came. */
  echo: `
class TritonPythonModel:
    def execute(self, requests):
        return [said(given(request)) for request in requests]
`,
  /** One answer after x[0] seconds; below nothing, an error. */
  slow: `
class TritonPythonModel:
    def execute(self, requests):
        return [self.after(given(request)) for request in requests]

    def after(self, x):
        if x[0] < 0:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("a negative time"))
        time.sleep(float(x[0]))
        return said(x)
`,
  /** x[0] answers, x[1] seconds apart, until its request is cancelled; it notes that for \`cancelled\`. */
  drip: `
class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Thread(target=self.drip, args=(request, given(request), request.get_response_sender())).start()

    def drip(self, request, x, sender):
        for i in range(int(x[0])):
            if request.is_cancelled():
                with open(os.environ["LOCUM_CANCELLED"], "a") as log:
                    log.write("x")
                break
            sender.send(said(np.array([i], dtype=np.float32)))
            time.sleep(float(x[1]))
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
`,
  /** How many requests of \`drip\` were cancelled. */
  cancelled: `
class TritonPythonModel:
    def execute(self, requests):
        try:
            count = os.path.getsize(os.environ["LOCUM_CANCELLED"])
        except OSError:
            count = 0
        return [said(np.array([count], dtype=np.float32)) for _ in requests]
`,
};

async function writeModel(folder: string, name: keyof typeof models): Promise<void> {
  await mkdir(join(folder, "1"), { recursive: true });
  await writeFile(
    join(folder, "config.pbtxt"),
    `name: "${name}"
backend: "python"
max_batch_size: 0
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
${name === "drip" ? "model_transaction_policy { decoupled: true }\n" : ""}`,
  );
  await writeFile(join(folder, "1/model.py"), header + models[name]);
}
