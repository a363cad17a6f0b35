import { compressed, readBody } from "./bodies.ts";
import { type InferRequest, parseInfer, writeInfer } from "./infer-codec.ts";
import type { LoadedModel } from "./model-store.ts";
import { Refusal } from "./refusal.ts";
import type { Turn } from "./routes.ts";
import type { NamedTensor } from "./tensor-codec.ts";

/** One inference, with the fault that is ordered for it. */
export async function answerInfer(turn: Turn, model: LoadedModel): Promise<void> {
  const { request, response, faults, gate, metrics, bodyBytesMax } = turn;
  const headLength = request.headers["inference-header-content-length"];
  const body = await readBody(request, bodyBytesMax);
  const asked = parseInfer(body, typeof headLength === "string" ? headLength : undefined);
  checkInputs(model, asked.inputs);
  const fault = faults.next(model.name);
  const clientGone = new Promise<void>((resolve) => response.once("close", resolve));
  const leave = await gate.enter();
  try {
    await faults.before(fault, clientGone);
    const outputs = faults.after(fault, await model.run(asked.inputs));
    metrics.count(model.name, model.version, "success", asked.inputs[0]?.shape[0] ?? 1);
    const answer = writeInfer(
      { model: model.name, version: model.version, id: asked.id },
      wanted(model, asked, outputs),
    );
    const coded = await compressed(answer.body, request.headers["accept-encoding"]);
    const binary = answer.headLength !== undefined;
    response.writeHead(200, {
      "content-type": binary ? "application/octet-stream" : "application/json",
      "content-length": coded.body.length,
      ...(binary ? { "inference-header-content-length": String(answer.headLength) } : {}),
      ...(coded.coding ? { "content-encoding": coded.coding } : {}),
    });
    if (fault.kind !== "drop-mid-body") response.end(coded.body);
    else response.write(coded.body.subarray(0, coded.body.length >> 1), () => response.destroy());
  } catch (error) {
    metrics.count(model.name, model.version, "failure", 0);
    throw error;
  } finally {
    leave();
  }
}

function checkInputs(model: LoadedModel, given: NamedTensor[]): void {
  if (given.length !== model.inputs.length) {
    throw new Refusal(
      400,
      `expected ${model.inputs.length} inputs but got ${given.length} inputs for model '${model.name}'`,
    );
  }
  for (const { name, datatype, shape } of given) {
    const wants = model.inputs.find((input) => input.name === name);
    if (!wants) throw new Refusal(400, `unexpected inference input '${name}' for model '${model.name}'`);
    if (wants.datatype !== datatype) {
      throw new Refusal(
        400,
        `inference input '${name}' data-type is '${datatype}', but model '${model.name}' expects '${wants.datatype}'`,
      );
    }
    const fits =
      shape.length === wants.shape.length &&
      shape.every((size, i) => wants.shape[i] === -1 || wants.shape[i] === size);
    if (!fits) {
      throw new Refusal(
        400,
        `unexpected shape for input '${name}' for model '${model.name}'. Expected [${wants.shape}], got [${shape}]`,
      );
    }
  }
}

function wanted(
  model: LoadedModel,
  asked: InferRequest,
  outputs: NamedTensor[],
): { tensor: NamedTensor; binary: boolean }[] {
  if (asked.outputs.length === 0) return outputs.map((tensor) => ({ tensor, binary: asked.binaryByDefault }));
  return asked.outputs.map(({ name, binary }) => {
    const tensor = outputs.find((output) => output.name === name);
    if (!tensor) throw new Refusal(400, `unexpected inference output '${name}' for model '${model.name}'`);
    return { tensor, binary };
  });
}
