import { Fault, type Tensor } from "@locum/contracts";
import type { Headers } from "../http/exchange.ts";
import { readJson } from "./read-json.ts";
import { tensorsOfJson } from "./tensors-of-json.ts";

const code = "upstream-protocol";

/**
 * The outputs of an answer of no fixed form. JSON is read as tensorsOfJson says, whatever its content type; anything
 * else is one BYTES tensor. A page is a proxy's or another program's, and bytes that are neither named nor text are
 * nobody's answer. `name` is for answers that name nothing.
 */
export function tensorsOfAnswer(headers: Headers, body: Buffer, name: string): Tensor[] {
  const read = readAnswer(headers, body);
  if (!("json" in read)) return [{ name, datatype: "BYTES", shape: [1], data: [read.text] }];
  const isNamed = typeof read.json === "object" && !Array.isArray(read.json);
  return tensorsOfJson(isNamed ? "" : name, read.json, code);
}

/** An answer of 2xx: its JSON, or the text that it is instead. */
export function readAnswer(headers: Headers, body: Buffer): { json: unknown } | { text: string } {
  const type = String(headers["content-type"] ?? "")
    .replace(/;.*/s, "")
    .trim()
    .toLowerCase();
  if (body.length === 0) throw new Fault(code, "an empty answer");
  if (type === "text/html") throw new Fault(code, "a page instead of an answer");
  const saysJson = /[/+]json$/.test(type);
  if (!saysJson && type !== "" && !type.startsWith("text/")) return { text: textOf(body) };
  try {
    const json = readJson(body, code);
    if (json === null) throw new Fault(code, "null instead of an answer");
    return { json };
  } catch (fault) {
    const startsJson = /^\s*[[{"]/.test(body.toString("latin1", 0, 64));
    if (saysJson || (type === "" && startsJson)) throw fault;
    return { text: type === "" ? strictText(body) : textOf(body) };
  }
}

/** Text that is not UTF-8 comes as one character a byte, so that different bytes stay different. */
function textOf(body: Buffer): string {
  try {
    return strictText(body);
  } catch {
    return body.toString("latin1");
  }
}

function strictText(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new Fault(code, "neither JSON nor text, and no content type that says what it is");
  }
}
