import type { ModelServer } from "@locum/serving";

export type ListedModels = {
  /** Whether the server itself listed this name when it was asked last. Never waits. */
  has(model: string): boolean;
};

const ageMsMax = 60_000;
const timeoutMs = 2_000;
const namesMax = 1_024;

/**
 * The names that the own server lists, asked for when somebody wants to know and they are old. A server answers under
 * the name that it lists; under an alias it answers with a name of its own, and nothing follows from that.
 */
export function createListedModels({
  server,
  clock,
}: {
  server: () => Pick<ModelServer, "models">;
  clock: { monotonicMs(): number };
}): ListedModels {
  let names: ReadonlySet<string> = new Set();
  let askedMs = Number.NEGATIVE_INFINITY;
  return {
    has(model) {
      if (clock.monotonicMs() - askedMs > ageMsMax) {
        askedMs = clock.monotonicMs();
        server()
          .models({ timeoutMs })
          .then((listed) => {
            names = new Set(listed.slice(0, namesMax).map(({ name }) => name));
          })
          // One that keeps no list, or does not answer now, lists nothing new.
          .catch(() => {});
      }
      return names.has(model);
    },
  };
}
