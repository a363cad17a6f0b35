/** Frames of HTTP/2 by hand (RFC 9113, 4.1), for those that no library would send. */
export const frameTypes = {
  data: 0,
  headers: 1,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function h2Frame(
  type: keyof typeof frameTypes,
  {
    flags = 0,
    stream = 0,
    payload = Buffer.alloc(0),
    length,
  }: { flags?: number; stream?: number; payload?: Buffer; length?: number } = {},
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length ?? payload.length, 0, 3);
  head.writeUInt8(frameTypes[type], 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** GOAWAY that says: nothing beyond `last` was looked at. */
export function goaway(last: number, code = 0): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(last, 0);
  payload.writeUInt32BE(code, 4);
  return h2Frame("goaway", { payload });
}

/** A header block without compression (RFC 7541, 6.2.2), names and values shorter than 127 bytes. */
export function headerBlock(headers: readonly (readonly [string, string])[]): Buffer {
  const text = (it: string) => Buffer.concat([Buffer.from([it.length]), Buffer.from(it, "latin1")]);
  return Buffer.concat(
    headers.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])),
  );
}

export const callBlock = headerBlock([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/infer.Test/Unary"],
  [":authority", "h"],
  ["content-type", "application/grpc"],
]);
