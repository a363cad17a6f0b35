import type { Elasticsearch } from "./open-elasticsearch.ts";
import { refusalOf } from "./refusal-of.ts";
import type { SetupPlan, SetupStep } from "./setup-plan.ts";

/**
 * Puts what is absent or different on the server, in the order of the plan, and stops at the first refusal: each step
 * is whole by itself, and none that stands makes a plain index of a stream's name possible.
 * @throws Fault upstream-unreachable | upstream-refused | not-authenticated | not-authorised
 */
export async function applySetup(
  server: Elasticsearch,
  plan: SetupPlan,
  { onStep = () => {} }: { onStep?: (step: SetupStep) => void } = {},
): Promise<{ changed: number; same: number }> {
  let changed = 0;
  for (const step of plan.steps) {
    if (step.state !== "same") {
      const { kind, path, body } = step.asset;
      const method = kind === "write-index" ? "POST" : "PUT";
      const answer = await server.request({ method, path, query: step.query, body });
      if (answer.status !== 200 && answer.status !== 201) throw refusalOf(answer, `${method} ${path}`);
      changed += 1;
    }
    onStep(step);
  }
  return { changed, same: plan.steps.length - changed };
}
