import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ModelMetadata } from "@locum/contracts";

type Inputs = { inputs: { name: string; data: number[] }[] };
export type FakeModel = Pick<ModelMetadata, "inputs" | "outputs"> & {
  /** The answer's values to the n-th question; text is put into the body as it is (NaN). */
  answer: (inputs: number[], asked: number) => (number | string)[];
};
export type FakeServer = AsyncDisposable & { url: string; mostAtOnce(): number };

/**
 * A v2 server whose models are functions: for what a real model does not do to order. `gather` answers nobody, after so
 * many questions, until so many wait at once.
 */
export async function startFakeServer(
  models: Record<string, FakeModel>,
  {
    keepsList = true,
    name = "fake",
    status = 200,
    gather,
  }: { keepsList?: boolean; name?: string; status?: number; gather?: { after: number; count: number } } = {},
): Promise<FakeServer> {
  let asked = 0;
  const waiting: (() => void)[] = [];
  let most = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const reply = (code: number, body: string) => {
        response.writeHead(code, { "content-type": "application/json" });
        response.end(body);
      };
      const path = request.url ?? "";
      const [, model = "", infer] = /^\/v2\/models\/([^/]+)(\/infer)?$/.exec(path) ?? [];
      const known = models[model];
      if (path === "/v2") return reply(200, JSON.stringify({ name, version: "1", extensions: [] }));
      if (/^\/v2\/health\/(live|ready)$/.test(path)) return reply(200, "");
      if (path === "/v2/repository/index" && keepsList)
        return reply(200, JSON.stringify(Object.keys(models).map((one) => ({ name: one, state: "READY" }))));
      if (!known) return reply(404, '{"error":"not found"}');
      if (!infer)
        return reply(
          200,
          JSON.stringify({
            name: model,
            versions: ["1"],
            platform: "fake",
            inputs: known.inputs,
            outputs: known.outputs,
          }),
        );
      if (status !== 200) return reply(status, '{"error":"broken"}');
      const { inputs } = JSON.parse(Buffer.concat(chunks).toString()) as Inputs;
      asked += 1;
      const data = known.answer(
        inputs.flatMap((input) => input.data),
        asked,
      );
      const [output] = known.outputs;
      waiting.push(() =>
        reply(
          200,
          `{"model_name":"${model}","outputs":[{"name":"${output?.name}","datatype":"${output?.datatype}","shape":[${data.length}],"data":[${data.join(",")}]}]}`,
        ),
      );
      most = Math.max(most, waiting.length);
      if (!gather || asked <= gather.after || waiting.length >= gather.count)
        for (const answer of waiting.splice(0)) answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    mostAtOnce: () => most,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** y = 2x, of any length. */
export const doubling: FakeModel = {
  inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
  outputs: [{ name: "y", datatype: "FP32", shape: [-1] }],
  answer: (inputs) => inputs.map((value) => 2 * value),
};
export const question = (...data: number[]) => ({
  inputs: [{ name: "x", datatype: "FP32", shape: [data.length], data }],
});
