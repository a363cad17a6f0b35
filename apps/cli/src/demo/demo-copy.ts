import { resolve } from "node:path";
import { setupPlan } from "@locum/audit/elasticsearch";
import { type Client, type CollectorElasticsearch, Fault, type ShippingView } from "@locum/contracts";
import { accessElasticsearch } from "../audit/elasticsearch-flags.ts";

/** The part of a service file that sends the audit log there. */
export type CopyTarget = Partial<CollectorElasticsearch> & { url: string };

type Given = Parameters<typeof accessElasticsearch>[0];

/**
 * Where the demo's audit log is to be copied to, looked at before anything starts: a wrong address is told at once.
 * @throws Fault usage | refused where the set-up is missing | upstream-unreachable
 */
export async function copyTarget(given: Given, cwd: string): Promise<CopyTarget | null> {
  if (given.elasticsearch === undefined) return null;
  const { server, url, namespace } = await accessElasticsearch(given, undefined, cwd);
  try {
    const { steps } = await setupPlan(server, { namespace });
    const absent = steps.filter(({ state }) => state === "absent").map(({ asset }) => asset.name);
    if (absent.length > 0)
      throw new Fault(
        "refused",
        `${url} is not prepared: ${absent.slice(0, 3).join(", ")} and others are missing`,
        {
          hint: `Run locum audit setup --elasticsearch ${url} first.`,
        },
      );
  } catch (error) {
    // A key that may only create documents cannot look; the collector finds out by itself.
    if (!(error instanceof Fault) || error.code !== "not-authorised") throw error;
  } finally {
    await server.close();
  }
  const keyFile = given["api-key-file"];
  return {
    url,
    namespace,
    ...(keyFile === undefined
      ? {}
      : { apiKeyFile: resolve(cwd, keyFile), readApiKeyFile: resolve(cwd, keyFile) }),
    ...(given.ca === undefined ? {} : { ca: resolve(cwd, given.ca) }),
  };
}

const lookMs = 100;
const waitMs = 30_000;
const stuckMs = 5000;

/** Waits until every record so far is there, or is known not to come. */
export async function waitForCopy(client: Client, signal: AbortSignal): Promise<ShippingView> {
  const deadlineMs = performance.now() + waitMs;
  const { head } = await client.shipping();
  for (;;) {
    const view = await client.shipping();
    const isThere = view.appended - view.pending > head;
    // What passes by itself is over by then.
    const isStuck = view.problem !== null && Date.now() - view.problem.sinceMs > stuckMs;
    if (isThere || isStuck || performance.now() > deadlineMs) return view;
    signal.throwIfAborted();
    await new Promise((done) => setTimeout(done, lookMs));
  }
}

/** One line for people. */
export function copyText({ family, acked, quarantined, rejected, pending, problem }: ShippingView): string {
  if (problem && pending > 0) return `The copy in Elasticsearch waits: ${problem.detail}`;
  const rest = [
    [quarantined, "quarantined"],
    [rejected, "as dead letters"],
    [pending, "on their way"],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return `${acked} audit records are in ${family ?? "Elasticsearch"}${rest.length > 0 ? `, ${rest.join(", ")}` : ", none is missing"}.`;
}
