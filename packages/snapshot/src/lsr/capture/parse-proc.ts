/** What the kernel gives of a process is what that process wrote: any bytes, of any number, cut anywhere. */
export const procLimits = { bytes: 1 << 20, words: 4096, wordBytes: 16 << 10 } as const;

/** Words that end in NUL each. Those that are no UTF-8, or too long, are left out. */
function words(bytes: Uint8Array): { words: string[]; isWhole: boolean } {
  const found: string[] = [];
  let isWhole = bytes.length < procLimits.bytes;
  for (let at = 0; at < bytes.length; ) {
    if (found.length === procLimits.words) return { words: found, isWhole: false };
    const nul = bytes.indexOf(0, at);
    const end = nul === -1 ? bytes.length : nul;
    const word = end - at > procLimits.wordBytes ? undefined : textOf(bytes.subarray(at, end));
    // The last word is cut where the reader stopped.
    if (word !== undefined && (nul !== -1 || bytes.length < procLimits.bytes)) found.push(word);
    else isWhole = false;
    at = end + 1;
  }
  return { words: found, isWhole };
}

export function parseCmdline(bytes: Uint8Array): { args: string[]; isWhole: boolean } {
  const { words: args, isWhole } = words(bytes);
  return { args, isWhole };
}

/** Of two settings of one name the first counts, as for getenv. */
export function parseEnviron(bytes: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  for (const word of words(bytes).words) {
    const equals = word.indexOf("=");
    const name = word.slice(0, equals);
    if (equals > 0 && !found.has(name)) found.set(name, word.slice(equals + 1));
  }
  return found;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
