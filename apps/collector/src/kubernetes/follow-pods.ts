import { label } from "@locum/injection";
import { type Clock, type Log, systemRandom } from "@locum/runtime";
import { follow, type KubeObject, type Kubernetes, resources } from "@locum/runtime/kubernetes";
import type { Roster } from "./roster.ts";

const podsMax = 20_000;

/** Namespaces by name, or the empty text for the whole cluster. */
export const scopesOf = (namespaces: readonly string[]): string[] =>
  namespaces.length === 0 ? [""] : [...new Set(namespaces)];

/**
 * Named namespaces are followed whole, since pods of a labelled namespace carry no label of their own. Of a whole
 * cluster only the pods are read that asked themselves: all others would be most of them.
 */
export const selectorOf = (scope: string): string | undefined =>
  scope === "" ? `${label}=enabled` : undefined;

export const isInScope = ({ metadata }: KubeObject, scopes: readonly string[]): boolean =>
  scopes.includes("") || scopes.includes(metadata.namespace ?? "");

/** Follows each scope until the signal aborts. Resolves when all have ended. */
export async function followPods(
  scopes: readonly string[],
  {
    kubernetes,
    roster,
    clock,
    say,
    signal,
    onTrouble,
  }: {
    kubernetes: Kubernetes;
    roster: Pick<Roster, "apply">;
    clock: Clock;
    say: Log;
    signal: AbortSignal;
    onTrouble: () => void;
  },
): Promise<void> {
  const bounded: Pick<Kubernetes, "list" | "watch"> = {
    list: (resource, place, options) => kubernetes.list(resource, place, { ...options, itemsMax: podsMax }),
    watch: kubernetes.watch,
  };
  await Promise.all(
    scopes.map(async (scope) => {
      const changes = follow(bounded, resources.pods, {
        ...(scope === "" ? {} : { place: { namespace: scope } }),
        labelSelector: selectorOf(scope),
        signal,
        clock,
        random: systemRandom,
        onTrouble: (error) => {
          onTrouble();
          say("warn", "pods cannot be followed; what was known last goes on", { namespace: scope, error });
        },
      });
      for await (const change of changes) roster.apply(scope, change);
    }),
  );
}
