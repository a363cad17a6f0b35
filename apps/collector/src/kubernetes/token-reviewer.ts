import { createHash } from "node:crypto";
import type { Clock, Log } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { z } from "zod";

/** The pod that a projected token is bound to, and its service account. */
export type PodIdentity = { namespace: string; serviceAccount: string; pod: string; uid: string };
export type TokenReviewer = (token: string) => Promise<PodIdentity | null>;

/** A signed token of the API server, three parts of base64url; anything else is not worth a call. */
const shape = /^[\w-]{16,2048}\.[\w-]{16,6144}\.[\w-]{16,2048}$/;

/**
 * Asks the API server whose token this is. An answer holds for a minute, good or bad, and the same token is asked once
 * at a time. Null whatever went wrong: a guess, a token for somebody else, one that is bound to no pod, or a server
 * that is away look the same to whoever sent it.
 */
export function createTokenReviewer({
  kubernetes,
  audience,
  clock,
  say,
  cacheMs = 60_000,
  cachedMax = 20_000,
  askedMax = 64,
}: {
  kubernetes: Pick<Kubernetes, "create">;
  audience: string;
  clock: Pick<Clock, "monotonicMs">;
  say: Log;
  cacheMs?: number;
  cachedMax?: number;
  askedMax?: number;
}): TokenReviewer {
  const cache = new Map<string, { identity: PodIdentity | null; untilMs: number }>();
  const asked = new Map<string, Promise<PodIdentity | null>>();

  const ask = async (token: string, key: string): Promise<PodIdentity | null> => {
    const body = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      metadata: {},
      spec: { token, audiences: [audience] },
    };
    try {
      const identity = identityIn(await kubernetes.create(resources.tokenReviews, {}, body), audience);
      // The oldest goes first: a Map keeps the order in which its keys came.
      const [oldest] = cache.keys();
      if (cache.size >= cachedMax && oldest !== undefined) cache.delete(oldest);
      cache.set(key, { identity, untilMs: clock.monotonicMs() + cacheMs });
      return identity;
    } catch (error) {
      say("warn", "a sidecar's token could not be reviewed", { error });
      return null;
    } finally {
      asked.delete(key);
    }
  };
  return async (token) => {
    if (!shape.test(token)) return null;
    const key = createHash("sha256").update(token).digest("base64url");
    const known = cache.get(key);
    if (known && clock.monotonicMs() < known.untilMs) return known.identity;
    cache.delete(key);
    const running = asked.get(key);
    if (running) return running;
    if (asked.size >= askedMax) return null;
    const answer = ask(token, key);
    asked.set(key, answer);
    return answer;
  };
}

const podName = "authentication.kubernetes.io/pod-name";
const podUid = "authentication.kubernetes.io/pod-uid";
const one = z.array(z.string()).length(1);
const Review = z.looseObject({
  status: z.looseObject({
    authenticated: z.literal(true),
    audiences: z.array(z.string()),
    user: z.looseObject({
      username: z.string().regex(/^system:serviceaccount:[a-z0-9.-]{1,63}:[a-z0-9.-]{1,253}$/),
      extra: z.looseObject({ [podName]: one, [podUid]: one }),
    }),
  }),
});

function identityIn(answer: unknown, audience: string): PodIdentity | null {
  const { status } = Review.safeParse(answer).data ?? {};
  if (!status?.audiences.includes(audience)) return null;
  const [, , namespace, serviceAccount] = status.user.username.split(":");
  const [pod] = status.user.extra[podName] as string[];
  const [uid] = status.user.extra[podUid] as string[];
  if (!namespace || !serviceAccount || !pod || !uid) return null;
  return { namespace, serviceAccount, pod, uid };
}
