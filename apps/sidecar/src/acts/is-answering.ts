import { splitModelKey } from "@locum/contracts";
import type { ActContext } from "./act-context.ts";

/** A model that answers takes less; one that hangs must not hold up its own repair. */
const answerMsMax = 5000;

/**
 * Whether a model answers a request now, rightly or not. What its server says of it is no proof: some are healthy
 * without any model. Only where no golden asks it the word has to do.
 */
export async function isAnswering(
  { upstream, releases }: Pick<ActContext, "upstream" | "releases">,
  model: string,
): Promise<boolean> {
  const server = upstream.server();
  const goldens = releases.approved().flatMap(({ body }) => body.goldens);
  const golden = goldens.find((one) => splitModelKey(one.model).model === model);
  if (!golden) return (await server.ready(model, { timeoutMs: answerMsMax })).ok;
  return server.infer(golden.model, golden.request, { timeoutMs: answerMsMax }).then(
    () => true,
    () => false,
  );
}
