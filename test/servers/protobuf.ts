/** Writes fields of Protocol Buffers by their numbers: enough to ask what no schema of ours describes. */
export const protobuf = {
  /** `bytes`, `string`, or a message within. */
  bytes: (field: number, value: Buffer | string): Buffer => {
    const content = Buffer.from(value);
    return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
  },
  packed: (field: number, values: readonly number[]): Buffer =>
    protobuf.bytes(field, Buffer.concat(values.map(varint))),
  floats: (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer),
};

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
}
