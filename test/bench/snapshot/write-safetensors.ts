import { open } from "node:fs/promises";

export type StoredTensor = { name: string; dtype: string; shape: number[]; bytes: Uint8Array };

/** The tensors may be made while they are written: `length` says beforehand what `bytes` will give. */
export type TensorToWrite = Omit<StoredTensor, "bytes"> & { length: number; bytes: () => Uint8Array };

export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  note = "",
): Promise<void> {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, length }) => {
    end += length;
    return [name, { dtype, shape, data_offsets: [end - length, end] }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: { note }, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(path, "w");
  try {
    await file.writeFile(Buffer.concat([length, header]));
    for (const tensor of tensors) await file.writeFile(tensor.bytes());
  } finally {
    await file.close();
  }
}
