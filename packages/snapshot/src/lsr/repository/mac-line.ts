import { createHmac, timingSafeEqual } from "node:crypto";
import { corrupt } from "../corrupt.ts";
import { limits } from "../limits.ts";

/**
 * A small file that only holders of the id key can write: one line of JSON, one of its HMAC. The file's own name is a
 * member, so that who can write to the storage cannot put an old file under a newer number or another model.
 */
export function macLine(macKey: Uint8Array, name: string, members: Record<string, unknown>): Uint8Array {
  // First, and not to be replaced by a member of that name; a member `__proto__` is one like others.
  const others = Object.entries(members).filter(([member]) => member !== "name");
  const json = JSON.stringify(Object.fromEntries([["name", name], ...others]));
  return Buffer.from(`${json}\n${hmac(macKey, json).toString("hex")}\n`);
}

/** The members, still of unknown shape. @throws Fault snapshot-corrupt */
export function openMacLine(
  macKey: Uint8Array | ((json: Record<string, unknown>) => Uint8Array),
  name: string,
  bytes: Uint8Array,
): Record<string, unknown> {
  if (bytes.length > limits.macLine) throw corrupt(`${name} has ${bytes.length} bytes`);
  const [line = "", mac = "", ...rest] = Buffer.from(bytes).toString("utf8").split("\n");
  if (rest.length !== 1 || rest[0] !== "" || !/^[0-9a-f]{64}$/.test(mac))
    throw corrupt(`${name} is not one line of JSON and one of its HMAC`);
  const json = parsed(name, line);
  const key = typeof macKey === "function" ? macKey(json) : macKey;
  if (!timingSafeEqual(hmac(key, line), Buffer.from(mac, "hex")))
    throw corrupt(`${name} was not written with this repository's id key, or was changed since`);
  if (json.name !== name) throw corrupt(`${name} says that it is ${JSON.stringify(json.name)}`);
  return json;
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();

function parsed(name: string, line: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(line);
    if (typeof json === "object" && json !== null && !Array.isArray(json))
      return json as Record<string, unknown>;
  } catch (error) {
    throw corrupt(`${name} is no JSON`, error);
  }
  throw corrupt(`${name} is no JSON object`);
}
