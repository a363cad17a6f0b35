import { type Answer, failed, ok } from "./answers.ts";
import { fits } from "./data-streams.ts";

type Grant = { names: readonly string[]; privileges: readonly string[] };
type Role = { cluster?: string[]; indices?: Grant[]; index?: Grant[] };
type Holder = { cluster: string[]; indices: Grant[] };

/** Who may do what: API keys with their privileges beside one superuser, `locum:locum-test`. */
export type ApiKeys = {
  /** Undefined for a stranger. */
  holderOf(authorization: string | undefined): Holder | undefined;
  create(body: { name?: string; role_descriptors?: Record<string, Role> }): Answer;
};

export const everything: Holder = { cluster: ["all"], indices: [{ names: ["*"], privileges: ["all"] }] };

export function openApiKeys(): ApiKeys {
  const keys = new Map<string, Holder>();
  const superuser = `Basic ${Buffer.from("locum:locum-test").toString("base64")}`;
  return {
    holderOf(authorization = "") {
      if (authorization === superuser) return everything;
      const [, key = ""] = /^ApiKey (.+)$/.exec(authorization) ?? [];
      return keys.get(key);
    },
    create({ name = "", role_descriptors: roles = {} }) {
      const id = `key-${keys.size + 1}`;
      const secret = `secret-${keys.size + 1}`;
      const encoded = Buffer.from(`${id}:${secret}`).toString("base64");
      const all = Object.values(roles);
      keys.set(
        encoded,
        all.length === 0
          ? everything
          : {
              cluster: all.flatMap(({ cluster = [] }) => cluster),
              indices: all.flatMap(({ indices = [], index = [] }) => [...indices, ...index]),
            },
      );
      return ok({ id, name, api_key: secret, encoded });
    },
  };
}

/** What a privilege holds of others. */
const implied: Record<string, readonly string[]> = {
  create_doc: ["create_doc", "create", "index", "write", "all"],
  create_index: ["auto_configure", "create_index", "manage", "all"],
  read: ["read", "all"],
  metadata: ["view_index_metadata", "manage", "all"],
  maintenance: ["maintenance", "manage", "all"],
  manage: ["manage", "all"],
  templates: ["manage_index_templates", "manage", "all"],
  monitor: ["monitor", "manage", "all"],
};
export type Need = keyof typeof implied;

export const mayOn = ({ indices }: Holder, need: Need, name: string): boolean =>
  indices.some(
    ({ names, privileges }) =>
      names.some((pattern) => fits(pattern, name)) &&
      privileges.some((privilege) => implied[need]?.includes(privilege)),
  );

export const mayInCluster = ({ cluster }: Holder, need: Need): boolean =>
  cluster.some((privilege) => implied[need]?.includes(privilege));

export const stranger: Answer = failed(
  401,
  "security_exception",
  "missing authentication credentials for REST request",
);

export const forbidden = (action: string): Answer =>
  failed(403, "security_exception", `action [${action}] is unauthorized for API key`);

export type { Holder };
