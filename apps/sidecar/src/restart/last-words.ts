import { open } from "node:fs/promises";

const readMax = 2048;
/** A result holds a thousand characters, and says more than these words. */
const toldMax = 800;

/** The end of what a program wrote, as one line that may stand in a record: bounded, printable, without secrets. */
export async function lastWords(file: string): Promise<string> {
  try {
    await using handle = await open(file, "r");
    const { size } = await handle.stat();
    const from = Math.max(0, size - readMax);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(readMax), 0, readMax, from);
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    // The first line of a cut text is half a line: what made half of a secret out of it would not be seen as one.
    return withoutSecrets(from > 0 ? text.slice(text.indexOf("\n") + 1) : text);
  } catch {
    return "";
  }
}

const told = "[not told]";
const named =
  "[\\w-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[-_]?key|private[-_]?key)[\\w-]*";
const rules: readonly [RegExp, string][] = [
  [/\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s*[:=]\s*).*/gi, `$1$2${told}`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${told}`],
  [/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, `$1${told}@`],
  [new RegExp(`(${named})(["']?\\s*[:=]\\s*)("[^"]*"|'[^']*'|\\S+)`, "gi"), `$1$2${told}`],
  [new RegExp(`(--${named})(\\s+)(\\S+)`, "gi"), `$1$2${told}`],
  [/\b(?:sk|rk|pk|gh[a-z]|github_pat|glpat|hf|xox[a-z]|nvapi)[-_][\w-]{12,}/g, told],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, told],
  [/\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}/g, told],
];

export function withoutSecrets(text: string): string {
  const clean = rules.reduce((rest, [secret, instead]) => rest.replace(secret, instead), text);
  const line = clean
    .replace(/\p{C}+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > toldMax ? `…${line.slice(-toldMax)}` : line;
}
