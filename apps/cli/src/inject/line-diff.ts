export type DiffLine = { sign: " " | "-" | "+"; text: string };

const linesMax = 4000;

/**
 * The lines that lead from one text to the other, with some around them. What is equal at both ends costs nothing; in
 * between the longest common subsequence decides, up to a size where the whole middle counts as changed.
 */
export function lineDiff(
  before: string,
  after: string,
  { around = 3 }: { around?: number } = {},
): DiffLine[][] {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const lines: DiffLine[] = [
    ...a.slice(0, head).map((text): DiffLine => ({ sign: " ", text })),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map((text): DiffLine => ({ sign: " ", text })),
  ];
  return hunks(lines, around);
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  if (a.length * b.length > linesMax * linesMax) return [...signed("-", a), ...signed("+", b)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: " ", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j < b.length && (i === a.length || at(i, j + 1) > at(i + 1, j))) {
      lines.push({ sign: "+", text: b[j] ?? "" });
      j += 1;
    } else {
      lines.push({ sign: "-", text: a[i] ?? "" });
      i += 1;
    }
  }
  return lines;
}

const signed = (sign: "-" | "+", texts: readonly string[]): DiffLine[] =>
  texts.map((text) => ({ sign, text }));

function hunks(lines: readonly DiffLine[], around: number): DiffLine[][] {
  const shown: DiffLine[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const [index, line] of lines.entries()) {
    if (line.sign === " ") continue;
    const from = Math.max(index - around, last + 1, 0);
    const isNext = from > last + 1 || shown.length === 0;
    if (isNext) shown.push([]);
    shown.at(-1)?.push(...lines.slice(isNext ? from : last + 1, index + 1));
    last = index;
    const quiet = lines.slice(index + 1, index + 1 + around);
    const next = quiet.findIndex(({ sign }) => sign !== " ");
    const tail = next < 0 ? quiet : quiet.slice(0, next);
    shown.at(-1)?.push(...tail);
    last += tail.length;
  }
  return shown;
}
