import { Fault } from "@locum/contracts";
import type { Elasticsearch, ServerAnswer } from "./open-elasticsearch.ts";
import { reasonOf } from "./reason-of.ts";
import { refusalOf } from "./refusal-of.ts";

/** Secrets, as the header `Authorization: ApiKey` takes them. */
export type SetupKeys = { ship: string; read: string };

export const keyNames = (namespace: string): Record<keyof SetupKeys, string> => ({
  ship: `locum-ship-${namespace}`,
  read: `locum-read-${namespace}`,
});

/**
 * The fewest rights that do: who steals the key that ships can add documents and neither read, change nor delete one;
 * the one that compares and reconciles can read and refresh, see whether the set-up is there, and change nothing.
 */
const rights = {
  ship: { cluster: [], privileges: ["create_doc", "auto_configure"] },
  read: { cluster: ["monitor"], privileges: ["read", "view_index_metadata", "maintenance"] },
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
    const { cluster, privileges } = rights[role];
    const indices = [{ names: [`logs-locum.*-${namespace}`], privileges }];
    const answer = await server.request({
      method: "POST",
      path,
      body: {
        name,
        role_descriptors: { [name]: { cluster, indices } },
        metadata: { managed_by: "locum" },
      },
    });
    if (answer.status !== 200) throw keyRefusal(answer, `POST ${path} for ${name}`);
    const encoded = (answer.body as { encoded?: unknown } | null)?.encoded;
    if (typeof encoded !== "string" || encoded === "")
      throw new Fault("upstream-protocol", `POST ${path}: expected a key, found none`);
    return encoded;
  };
  return { ship: await make("ship"), read: await make("read") };
}

/** Elasticsearch lets a key make keys that may do nothing, and answers 400 to every other. */
function keyRefusal(answer: ServerAnswer, what: string): Fault {
  if (answer.status !== 400) return refusalOf(answer, what);
  return new Fault("not-authorised", `${what}: ${reasonOf(answer)}`, {
    hint: "No API key can make keys that may do something: give a user, with --user-file.",
  });
}
