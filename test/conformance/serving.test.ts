import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@locum/serving";
import type { FaultOrder } from "../model-server/faults.ts";
import { startModelServer } from "../model-server/server.ts";
import { type Subject, servingConformance } from "./serving.ts";

const digits = new URL("../fixtures/digits/", import.meta.url);

servingConformance("oip-v2-rest on the test server", {
  open,
  connect: (url, answerBytesMax) => connect({ url, answerBytesMax }),
});

async function open(): Promise<Subject> {
  const repository = await mkdtemp(join(tmpdir(), "locum-conformance-"));
  const file = join(repository, "digits", "model.onnx");
  await mkdir(join(repository, "digits"));
  await cp(new URL("model.onnx", digits), file);
  const running = await startModelServer({ repository });
  const server = connect({ url: running.url });
  const [goodRequest] = JSON.parse(await readFile(new URL("golden-requests.json", digits), "utf8"));
  const [input] = goodRequest.inputs;
  return {
    server,
    model: "digits",
    serverName: "locum-model-server",
    goodRequest,
    binaryRequest: { ...goodRequest, parameters: { binary_data_output: true } },
    wrongRequest: { inputs: [{ ...input, shape: [1, 63], data: input.data.slice(1) }] },
    reconnect: (options) => connect({ url: running.url, ...options }),
    order: async (fault) => running.faults.order(orders[fault]),
    async swapFiles(to) {
      if (to === "garbage") await writeFile(file, "no model at all");
      else await cp(new URL(to === "good" ? "model.onnx" : "older/model.onnx", digits), file);
    },
    async close() {
      server.close();
      await running.close();
      await rm(repository, { recursive: true, force: true });
    },
  };
}

const orders: Record<"none" | "hang" | "nan" | "error" | "drop", FaultOrder> = {
  none: { kind: "none" },
  hang: { kind: "hang" },
  nan: { kind: "nan" },
  error: { kind: "error-rate", ratio: 1 },
  drop: { kind: "drop-mid-body" },
};
