import { applySetup, openElasticsearch, setupPlan } from "@locum/audit/elasticsearch";
import { auditDocumentId } from "@locum/contracts";
import type { Account } from "../../elasticsearch/account.ts";
import { startChild } from "./start-child.ts";

/** Of the log that this bench ships. */
export const logId = "bench";

export type BenchDouble = {
  url: string;
  order<T>(path: string, body?: string): Promise<T>;
  /** How the stream stands against the records up to `head`. */
  account(head: number): Promise<Account>;
  close(): Promise<void>;
};

/** The double in a process of its own, prepared as an operator prepares the real one. */
export async function startBenchDouble(): Promise<BenchDouble> {
  const child = startChild("../../elasticsearch/main.ts", "elasticsearch-9", "[]");
  const { url, control } = (await child.line()) as { url: string; control: string };
  const server = openElasticsearch({ url });
  await applySetup(server, await setupPlan(server));
  await server.close();
  const order = async <T>(path: string, body = ""): Promise<T> => {
    const answer = await fetch(`${control}${path}`, { method: "POST", body });
    return (await answer.json()) as T;
  };
  return {
    url,
    order,
    account(head) {
      const ids = Array.from({ length: head + 1 }, (_, seq) => auditDocumentId(logId, seq));
      return order("/account", ids.join("\n"));
    },
    async close() {
      child.process.stdin?.end();
      await child.ended;
    },
  };
}
