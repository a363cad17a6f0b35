import { equal } from "./equal.ts";

export type Step =
  | { kind: "same"; from: number; to: number }
  | { kind: "gone"; from: number }
  /** To be put before item `before` of the old list. */
  | { kind: "new"; to: number; before: number };

/**
 * Pairs the items of two lists that keep their order, by what names them: a container's name, a port's number, else
 * their whole value. A positional comparison would rewrite every container after an inserted one.
 */
export function alignLists(before: readonly unknown[], after: readonly unknown[]): Step[] {
  const steps: Step[] = [];
  let from = 0;
  for (const [to, item] of after.entries()) {
    const match = before.findIndex((old, index) => index >= from && same(old, item));
    if (match < 0) {
      steps.push({ kind: "new", to, before: from });
      continue;
    }
    for (; from < match; from += 1) steps.push({ kind: "gone", from });
    steps.push({ kind: "same", from, to });
    from += 1;
  }
  for (; from < before.length; from += 1) steps.push({ kind: "gone", from });
  return inPlace(steps, before, after);
}

/** A text or number that goes where another comes is that one, changed: it keeps its line and its comment. */
function inPlace(steps: readonly Step[], before: readonly unknown[], after: readonly unknown[]): Step[] {
  const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null;
  const paired: Step[] = [];
  for (const step of steps) {
    const last = paired.at(-1);
    if (
      step.kind === "gone" &&
      last?.kind === "new" &&
      last.before === step.from &&
      isScalar(before[step.from]) &&
      isScalar(after[last.to])
    )
      paired.splice(-1, 1, { kind: "same", from: step.from, to: last.to });
    else paired.push(step);
  }
  return paired;
}

function same(a: unknown, b: unknown): boolean {
  if (!isRecord(a) || !isRecord(b)) return equal(a, b);
  if (isRecord(a.metadata) && isRecord(b.metadata))
    return (
      a.kind === b.kind &&
      a.metadata.name === b.metadata.name &&
      a.metadata.namespace === b.metadata.namespace
    );
  for (const key of ["containerPort", "name", "port"])
    if (key in a && key in b) return a[key] === b[key] && (a.protocol ?? "TCP") === (b.protocol ?? "TCP");
  return equal(a, b);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
