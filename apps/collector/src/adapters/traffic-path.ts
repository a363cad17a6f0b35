import type { Report } from "@locum/contracts";

export type PathSeen = { ok: boolean; detail: string };

const answerBytesMax = 65_536;

/**
 * Asks the new active itself, where peers and balancers ask it, whether it answers as active in this epoch. Its report
 * is what it believes; this is what others see.
 */
export async function verifyTrafficPath(
  report: Report | null,
  epoch: number,
  { fetch: ask = fetch, timeoutMs = 1000 }: { fetch?: typeof fetch; timeoutMs?: number } = {},
): Promise<PathSeen> {
  if (!report) return { ok: false, detail: "it has not reported yet" };
  if (report.control === null)
    return report.role === "active" && report.epoch >= epoch
      ? { ok: true, detail: "by its own report: it has no control address" }
      : { ok: false, detail: `it reports ${report.role} in epoch ${report.epoch}` };
  try {
    const answer = await ask(new URL("/readyz", report.control), {
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const said = await readJson(answer);
    if (said.role !== "active" || typeof said.epoch !== "number" || said.epoch < epoch)
      return {
        ok: false,
        detail: `/readyz says ${String(said.role)} in epoch ${String(said.epoch)}, not active in ${epoch}`,
      };
    if (!answer.ok) return { ok: false, detail: `/readyz answers ${answer.status}` };
    return { ok: true, detail: `/readyz answers as active in epoch ${said.epoch}` };
  } catch (error) {
    return {
      ok: false,
      detail: `/readyz: ${error instanceof Error ? error.message : String(error)}`.slice(0, 500),
    };
  }
}

async function readJson(answer: Response): Promise<Record<string, unknown>> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > answerBytesMax) throw new Error("its answer is too large");
  }
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
