import { Fault } from "@locum/contracts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { refusalOf } from "./refusal-of.ts";

/** Secrets, as the header `Authorization: ApiKey` takes them. */
export type SetupKeys = { ship: string; read: string };

export const keyNames = (namespace: string): Record<keyof SetupKeys, string> => ({
  ship: `locum-ship-${namespace}`,
  read: `locum-read-${namespace}`,
});

/**
 * The fewest rights that do: who steals the key that ships can add documents and neither read, change nor delete one;
 * the one that compares and reconciles can read, refresh and change nothing.
 */
const privileges = {
  ship: ["create_doc", "auto_configure"],
  read: ["read", "view_index_metadata", "maintenance"],
} as const;

/**
 * Makes both keys; they are told once and kept nowhere.
 * @throws Fault upstream-unreachable | upstream-refused | not-authenticated | not-authorised
 */
export async function createKeys(
  server: Elasticsearch,
  { namespace = "default" }: { namespace?: string } = {},
): Promise<SetupKeys> {
  const make = async (role: keyof SetupKeys): Promise<string> => {
    const path = "/_security/api_key";
    const name = keyNames(namespace)[role];
    const indices = [{ names: [`logs-locum.*-${namespace}`], privileges: privileges[role] }];
    const answer = await server.request({
      method: "POST",
      path,
      body: {
        name,
        role_descriptors: { [name]: { cluster: [], indices } },
        metadata: { managed_by: "locum" },
      },
    });
    if (answer.status !== 200) throw refusalOf(answer, `POST ${path} for ${name}`);
    const encoded = (answer.body as { encoded?: unknown } | null)?.encoded;
    if (typeof encoded !== "string" || encoded === "")
      throw new Fault("upstream-protocol", `POST ${path}: expected a key, found none`);
    return encoded;
  };
  return { ship: await make("ship"), read: await make("read") };
}
