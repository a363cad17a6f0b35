import type { ModelMetadata, Tensor } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkInput } from "./check-input.ts";

const metadata: Pick<ModelMetadata, "inputs"> = {
  inputs: [{ name: "image", datatype: "FP32", shape: [-1, 4] }],
};
const image = (over: Partial<Tensor> = {}): Tensor => ({
  name: "image",
  datatype: "FP32",
  shape: [1, 4],
  data: [0, 1, 2, 3],
  ...over,
});
const rules = (...inputs: Tensor[]) => checkInput(metadata, inputs).map(({ rule }) => rule);

describe("an input", () => {
  it("as the model describes it has no finding, at any batch size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), (batch) => {
        expect(rules(image({ shape: [batch, 4], data: new Float32Array(batch * 4) }))).toEqual([]);
      }),
    );
  });

  const cases: [string, Tensor[], string[]][] = [
    ["with a name that the model does not know", [image(), image({ name: "extra" })], ["name"]],
    ["that is missing", [], ["name"]],
    ["of another datatype", [image({ datatype: "FP64" })], ["datatype"]],
    ["of another width", [image({ shape: [1, 5], data: [0, 1, 2, 3, 4] })], ["shape"]],
    ["of another rank", [image({ shape: [4] })], ["shape"]],
    ["with fewer elements than its shape", [image({ data: [0] })], ["count"]],
    ["with NaN", [image({ data: [0, Number.NaN, 2, 3] })], ["finite"]],
    ["with Inf", [image({ data: [0, 1, 2, Number.NEGATIVE_INFINITY] })], ["finite"]],
  ];
  it.each(cases)("%s", (_name, inputs, expected) => expect(rules(...inputs)).toEqual(expected));

  it("is not judged where the server does not describe its model", () => {
    expect(checkInput({ inputs: [] }, [image({ datatype: "BYTES" })])).toEqual([]);
  });

  it("never finds its values in a finding, and never more findings than a person reads", () => {
    const secret = "4111-1111";
    const inputs = Array.from({ length: 100 }, () =>
      image({ name: "n".repeat(500), datatype: "BYTES", data: [secret] }),
    );
    const findings = checkInput(metadata, inputs);
    expect(findings.length).toBe(16);
    expect(JSON.stringify(findings)).not.toContain(secret);
  });
});
