import { Fault, type FaultCode } from "@locum/contracts";

export type AskStore = (
  target: string,
  init?: { method?: string; headers?: Record<string, string>; body?: Uint8Array },
) => Promise<Response>;

/** One request with a limit of time, and no redirect that would take credentials elsewhere. @throws Fault storage-failed */
export const askStore =
  ({ timeoutMs, fetch: ask }: { timeoutMs: number; fetch: typeof fetch }): AskStore =>
  async (target, { method = "GET", headers = {}, body } = {}) => {
    try {
      const given = body === undefined ? {} : { body: Buffer.from(body) };
      const signal = AbortSignal.timeout(timeoutMs);
      return await ask(target, { method, headers, ...given, redirect: "error", signal });
    } catch (cause) {
      // A query may hold what proves who asks.
      throw new Fault("storage-failed", `${target.split("?", 1)[0]}: no answer from the object store`, {
        cause,
      });
    }
  };

/** @throws Fault body-too-large · storage-failed: cut off */
export async function readBytes(answer: Response, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      length += chunk.length;
      if (length > bytesMax)
        throw new Fault(
          "body-too-large",
          `expected at most ${bytesMax} bytes from the object store, found more`,
        );
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("storage-failed", "the object store's answer was cut off", { cause });
  }
  return Buffer.concat(chunks);
}

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
    answer.status === 403 ? { hint } : {},
  );
}

const codeOf = (status: number): FaultCode =>
  status === 401 || status === 403 ? "not-authorised" : status === 409 ? "conflict" : "storage-failed";
