import { crc32 } from "node:zlib";

export type NamedBytes = { name: string; bytes: Uint8Array };

const u32 = (value: number): Uint8Array => Uint8Array.from(Buffer.from(Uint32Array.of(value).buffer));
const u16 = (value: number): Uint8Array => u32(value).subarray(0, 2);
const u64 = (value: number): Uint8Array =>
  Buffer.concat([u32(value % 2 ** 32), u32(Math.floor(value / 2 ** 32))]);

export function safetensorsFile(tensors: readonly NamedBytes[], dtype = "BF16", note = ""): Uint8Array {
  let at = 0;
  const entries = tensors.map(({ name, bytes }) => {
    const data_offsets = [at, at + bytes.length];
    at += bytes.length;
    return [name, { dtype, shape: [bytes.length], data_offsets }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: { note }, ...Object.fromEntries(entries) }));
  return Buffer.concat([u64(header.length), header, ...tensors.map(({ bytes }) => bytes)]);
}

/** Version 3, with metadata of several kinds before the tensors. */
export function ggufFile(tensors: readonly NamedBytes[], alignment = 32): Uint8Array {
  const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
  const pairs = [
    [text("general.architecture"), u32(8), text("llama")],
    [text("general.alignment"), u32(4), u32(alignment)],
    [text("tokenizer.tokens"), u32(9), u32(8), u64(3), text("a"), text("bc"), text("")],
    [text("tokenizer.scores"), u32(9), u32(6), u64(2), u32(0), u32(0)],
    [text("general.flag"), u32(7), Uint8Array.of(1)],
  ].flat();
  const roundUp = (value: number) => Math.ceil(value / alignment) * alignment;
  let at = 0;
  const infos = tensors.flatMap(({ name, bytes }) => {
    const start = at;
    at = roundUp(at + bytes.length);
    return [text(name), u32(1), u64(bytes.length), u32(0), u64(start)];
  });
  const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(5), ...pairs, ...infos]);
  const aligned = (bytes: Uint8Array) => [bytes, new Uint8Array(roundUp(bytes.length) - bytes.length)];
  return Buffer.concat([
    head,
    new Uint8Array(roundUp(head.length) - head.length),
    ...tensors.flatMap((tensor) => aligned(tensor.bytes)),
  ]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Uint8Array.from([...bytes, value]);
}
const field = (number: number, bytes: Uint8Array): Uint8Array =>
  Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const numberField = (number: number, value: number): Uint8Array =>
  Buffer.concat([varint(number * 8), varint(value)]);

/** Initializers inside, one in a Constant node, and those of `outside` in another file, one after another. */
export function onnxFile(
  inside: readonly NamedBytes[],
  outside: readonly NamedBytes[],
  location: string,
): Uint8Array {
  const tensor = ({ name, bytes }: NamedBytes) =>
    Buffer.concat([
      numberField(1, bytes.length),
      numberField(2, 1),
      field(8, Buffer.from(name)),
      field(9, bytes),
    ]);
  let at = 0;
  const away = outside.map(({ name, bytes }) => {
    const pairs = { location, offset: String(at), length: String(bytes.length) };
    at += bytes.length;
    const entries = Object.entries(pairs).map(([key, value]) =>
      field(13, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))])),
    );
    return Buffer.concat([numberField(2, 16), field(8, Buffer.from(name)), ...entries, numberField(14, 1)]);
  });
  const [first, ...rest] = inside;
  const constant = first ? [field(1, field(5, field(5, tensor(first))))] : [];
  const graph = Buffer.concat([
    ...constant,
    ...[...rest.map(tensor), ...away].map((bytes) => field(5, bytes)),
  ]);
  return Buffer.concat([numberField(1, 8), field(2, Buffer.from("rig")), field(7, graph)]);
}

/** Stored members, as torch.save writes them; the pickle is there and not one. */
export function torchZip(tensors: readonly NamedBytes[]): Uint8Array {
  const members = [{ name: "model/data.pkl", bytes: Buffer.from("not a pickle") }, ...tensors];
  const locals: Uint8Array[] = [];
  const entries: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes } of members) {
    const path = Buffer.from(name);
    const sizes = Buffer.concat([u32(crc32(bytes)), u32(bytes.length), u32(bytes.length)]);
    const extra = new Uint8Array(5);
    const shared = Buffer.concat([u16(20), u16(0), u16(0), u32(0), sizes, u16(path.length)]);
    const local = Buffer.concat([u32(0x04034b50), shared, u16(extra.length), path, extra, bytes]);
    entries.push(
      Buffer.concat([
        u32(0x02014b50),
        u16(20),
        shared,
        u16(0),
        u16(0),
        u16(0),
        u16(0),
        u32(0),
        u32(at),
        path,
      ]),
    );
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = [
    u32(0x06054b50),
    u32(0),
    u16(members.length),
    u16(members.length),
    u32(directory.length),
    u32(at),
    u16(0),
  ];
  return Buffer.concat([...locals, directory, ...end]);
}

/** A LevelDB table of one block: the bundle's header, then one entry a tensor, all in shard 0. */
export function variablesIndex(tensors: readonly NamedBytes[]): Uint8Array {
  let at = 0;
  const pairs: [string, Uint8Array][] = [["", numberField(1, 1)]];
  for (const { name, bytes } of tensors) {
    pairs.push([
      name,
      Buffer.concat([
        numberField(1, 1),
        field(2, new Uint8Array()),
        numberField(4, at),
        numberField(5, bytes.length),
        Buffer.concat([varint(6 * 8 + 5), u32(0)]),
      ]),
    ]);
    at += bytes.length;
  }
  const data = tableBlock(pairs);
  const handle = Buffer.concat([varint(0), varint(data.length)]);
  const index = tableBlock([["~", handle]]);
  const trailer = new Uint8Array(5);
  const indexHandle = Buffer.concat([varint(data.length + 5), varint(index.length)]);
  const handles = Buffer.alloc(40);
  handles.set(Buffer.concat([varint(0), varint(0), indexHandle]));
  const magic = Buffer.from("57fb808b247547db", "hex");
  return Buffer.concat([data, trailer, index, trailer, handles, magic]);
}

function tableBlock(pairs: readonly [string, Uint8Array][]): Uint8Array {
  let last = "";
  const parts = pairs.map(([key, value]) => {
    let shared = 0;
    while (shared < last.length && last[shared] === key[shared]) shared++;
    last = key;
    const rest = Buffer.from(key.slice(shared));
    return Buffer.concat([varint(shared), varint(rest.length), varint(value.length), rest, value]);
  });
  return Buffer.concat([...parts, u32(0), u32(1)]);
}
