import { Fault, type FaultCode } from "@locum/contracts";

export type AskStore = (
  target: string,
  init?: { method?: string; headers?: Record<string, string>; body?: Uint8Array },
) => Promise<Response>;

/** Of one answer, where nothing else says how long it may be. */
export const answerBytesMax = 67_108_864;
/** A line slower than this is given up: 16 MiB then take more than four minutes. */
const bytesPerMsMin = 64;

/**
 * One request, up to the head of its answer, with a limit of time, and no redirect that would take credentials elsewhere.
 * @throws Fault storage-failed
 */
export const askStore =
  ({ timeoutMs, fetch: ask }: { timeoutMs: number; fetch: typeof fetch }): AskStore =>
  async (target, { method = "GET", headers = {}, body } = {}) => {
    const ending = new AbortController();
    // What is sent shows no progress, so it has the time that a slow line needs.
    const limitMs = timeoutMs + (body?.length ?? 0) / bytesPerMsMin;
    const timer = setTimeout(() => ending.abort(new Error(`nothing within ${limitMs} ms`)), limitMs);
    try {
      const given = body === undefined ? {} : { body: Buffer.from(body) };
      return await ask(target, { method, headers, ...given, redirect: "error", signal: ending.signal });
    } catch (cause) {
      // A query may hold what proves who asks.
      throw new Fault("storage-failed", `${target.split("?", 1)[0]}: no answer from the object store`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  };

/**
 * Given up where nothing comes for `stallMs`, and where all of it takes longer than a slow line would.
 * @throws Fault body-too-large · storage-failed: cut off, stalled
 */
export async function readBytes(
  answer: Response,
  bytesMax: number,
  { stallMs = 30_000 }: { stallMs?: number } = {},
): Promise<Buffer> {
  if (!answer.body) return Buffer.alloc(0);
  const reader = answer.body.getReader();
  let isLate = false;
  const giveUp = () => {
    isLate = true;
    void reader.cancel().catch(() => {});
  };
  const stall = setTimeout(giveUp, stallMs);
  const limit = setTimeout(giveUp, stallMs + bytesMax / bytesPerMsMin);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      stall.refresh();
      length += part.value.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      chunks.push(part.value);
    }
  } catch (cause) {
    await reader.cancel().catch(() => {});
    if (cause instanceof Fault) throw cause;
    throw new Fault("storage-failed", "the object store's answer was cut off", { cause });
  } finally {
    clearTimeout(stall);
    clearTimeout(limit);
  }
  if (isLate) throw new Fault("storage-failed", "the object store's answer stalled");
  return Buffer.concat(chunks);
}

/** The header's value for `length` bytes from `start`; a range of none cannot be asked for. */
export const rangeHeader = (start: number, length: number): string =>
  `bytes=${start}-${start + Math.max(1, length) - 1}`;

/**
 * What came of asking for a range: fewer bytes where the object ends before that, undefined where there is none. A store
 * that knows no ranges, or one of an empty object, sends all of it.
 * @throws Fault body-too-large · storage-failed · what `refused` gives
 */
export async function readRange(
  answer: Response,
  {
    start,
    length,
    refused,
  }: { start: number; length: number; refused: (answer: Response) => Promise<Fault> },
): Promise<Buffer | undefined> {
  if (answer.status === 404 || answer.status === 416) {
    await answer.body?.cancel();
    return answer.status === 404 ? undefined : Buffer.alloc(0);
  }
  if (!answer.ok) throw await refused(answer);
  const bytes = await readBytes(answer, answer.status === 206 ? length + 1 : answerBytesMax);
  return (answer.status === 206 ? bytes : bytes.subarray(start)).subarray(0, length);
}

const tooLarge = (bytesMax: number): Fault =>
  new Fault("body-too-large", `expected at most ${bytesMax} bytes from the object store, found more`);

/** The store's own word for what is wrong; nothing else of its answer is passed on. */
export async function refusal(
  key: string,
  answer: Response,
  { word, hint }: { word: (text: string) => string | undefined; hint: string },
): Promise<Fault> {
  const text = (await readBytes(answer, 65_536).catch(() => Buffer.alloc(0))).toString("utf8");
  return new Fault(
    codeOf(answer.status),
    `${key}: the object store answered ${answer.status} ${word(text) ?? ""}`.trimEnd(),
    { cause: { status: answer.status }, ...(answer.status === 403 ? { hint } : {}) },
  );
}

const codeOf = (status: number): FaultCode =>
  status === 401 || status === 403 ? "not-authorised" : status === 409 ? "conflict" : "storage-failed";

/** Whether the same request could end otherwise: not where the store says that the request is at fault. */
export function isWorthAnotherTry(error: unknown): boolean {
  if (!(error instanceof Fault) || error.retry === "never") return false;
  const { status = 0 } = (error.cause ?? {}) as { status?: number };
  return status < 400 || status >= 500 || [408, 409, 429].includes(status);
}
