import { createKubernetes, resources } from "@locum/runtime/kubernetes";
import type { Cluster } from "./start-kubernetes.ts";

/**
 * Asks the API server, with the token of a service account, whether that account may do something: `VERB NAMESPACE
 * RESOURCE[.GROUP][/NAME]`, with `-` for what has no namespace. `pods/eviction` is a subresource.
 */
export async function mayIn(
  { client }: Cluster,
  account: { namespace: string; name: string },
): Promise<(line: string) => Promise<boolean>> {
  const { status } = await client.create(
    resources.serviceAccounts,
    { ...account, sub: "token" },
    { spec: { expirationSeconds: 3600 } },
  );
  const { ca } = await client.access.credentials();
  const { token } = status as { token: string };
  return async (line) => {
    const [verb = "", namespace = "", what = ""] = line.split(" ");
    const [kind = "", name = ""] = what.split("/");
    const [resource = "", ...group] = kind.split(".");
    const isSub = name === "eviction";
    const own = createKubernetes({ ...client.access, credentials: async () => ({ ca, token }) });
    try {
      const review = await own.create(
        resources.selfAccessReviews,
        {},
        {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          metadata: {},
          spec: {
            resourceAttributes: {
              verb,
              resource,
              group: group.join("."),
              ...(namespace === "-" ? {} : { namespace }),
              ...(isSub ? { subresource: name } : name === "" ? {} : { name }),
            },
          },
        },
      );
      return (review.status as { allowed: boolean }).allowed;
    } finally {
      own.close();
    }
  };
}
