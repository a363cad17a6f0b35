import { modelKey } from "@locum/contracts";
import { varint, type WalkBudget, walkMessage, wireBytes, wireVarint } from "../grpc/proto-walk.ts";
import type { WireLook } from "../wire.ts";
import { text } from "./outputs.ts";

const requestField = { model: 1, version: 2, parameters: 4 };
const nameBytesMax = 1024;

/**
 * Model of a ModelInferRequest, and whether it may be sent twice: not where it belongs to a sequence. Undefined where
 * the bytes are no such message.
 */
export function lookAtInfer(message: Uint8Array): WireLook | undefined {
  const budget: WalkBudget = { left: 1_000_000 };
  let model = "";
  let version = "";
  let belongsToSequence = false;
  const walked = walkMessage(message, { budget }, (field, wire, from, to) => {
    if (wire !== wireBytes) return;
    if (field === requestField.model) model = to - from > nameBytesMax ? "" : text(message, from, to);
    if (field === requestField.version) version = to - from > nameBytesMax ? "" : text(message, from, to);
    if (field === requestField.parameters)
      belongsToSequence ||= isSequence(message.subarray(from, to), budget);
  });
  if (!walked) return undefined;
  const key = modelKey(version === "" ? { model } : { model, version });
  return { model: model === "" ? undefined : key, repeatable: !belongsToSequence };
}

/** 0, false and "" are how clients say "no sequence". A parameter that cannot be read counts as one. */
function isSequence(entry: Uint8Array, budget: WalkBudget): boolean {
  let isNamed = false;
  let isSet = false;
  const walked = walkMessage(entry, { budget }, (field, wire, from, to) => {
    if (field === 1) isNamed = /^sequence_/.test(text(entry, from, to));
    if (field === 2 && wire === wireBytes) isSet = holdsValue(entry.subarray(from, to), budget);
  });
  return !walked || (isNamed && isSet);
}

function holdsValue(parameter: Uint8Array, budget: WalkBudget): boolean {
  let holds = false;
  const walked = walkMessage(parameter, { budget }, (_field, wire, from, to) => {
    holds = wire === wireVarint ? varint(parameter, from, to) !== 0 : wire !== wireBytes || to > from;
  });
  return holds || !walked;
}
