import { z } from "zod";
import type { ByteSource } from "../byte-source.ts";
import type { Tensor } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";

/** The format's own limit: what announces more is no safetensors file. */
const headerBytesMax = 100_000_000;

const entry = z.object({
  dtype: z.string().max(40),
  shape: z.array(z.number().int().nonnegative()).max(64),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

const dtypeOf = (dtype: string): string => (dtype.startsWith("F8_") ? "f8" : dtype.toLowerCase());

/** u64 length of the header, header in JSON, then the tensors; offsets count from the header's end. @throws Unparsed */
export async function parseSafetensors(source: ByteSource): Promise<Tensor[]> {
  const length = Number(Buffer.from(await source.read(0, 8)).readBigUInt64LE());
  if (length > headerBytesMax || length + 8 > source.size) throw new Unparsed(`a header of ${length} bytes`);
  const header: unknown = JSON.parse(Buffer.from(await source.read(8, length)).toString("utf8"));
  if (typeof header !== "object" || header === null) throw new Unparsed("a header that is no object");
  const tensors: Tensor[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets } = entry.parse(value);
    const [start, end] = data_offsets;
    tensors.push({
      name,
      dtype: dtypeOf(dtype),
      shape,
      start: 8 + length + start,
      length: end - start,
    });
  }
  return tensors;
}
