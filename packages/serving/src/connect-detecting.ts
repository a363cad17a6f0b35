import { Fault } from "@locum/contracts";
import type { ConnectOptions } from "./connect.ts";
import { deadline } from "./deadline.ts";
import { type Detection, detect } from "./detect/detect.ts";
import { openExchange } from "./http/exchange.ts";
import type { CallOptions, ModelServer, ProbeOutcome } from "./model-server.ts";

/**
 * A model server whose protocol nobody named: it is asked at the first call that needs to know, again at the next one
 * for as long as nothing answers in a known protocol, and from then on every call is the adapter's own. Calls that come
 * meanwhile share one asking, each for no longer than its own time. Health is answered in the plain view of TCP and
 * HTTP until then.
 */
export function connectDetecting(
  { url, headers, ca, grpc, management }: ConnectOptions,
  become: (found: Pick<Detection, "protocol" | "grpc" | "management">) => ModelServer,
): ModelServer {
  const access = { ...(headers ? { headers } : {}), ...(ca ? { ca } : {}) };
  const { base, ask, close } = openExchange({ url, ...access });
  let own: ModelServer | undefined;
  let asking: Promise<ModelServer> | undefined;

  async function look(): Promise<ModelServer> {
    const found = await detect(url, { ...access, grpc, management, overGrpc: "alone" });
    own ??= become(found);
    return own;
  }

  function server(options: CallOptions): Promise<ModelServer> {
    if (own) return Promise.resolve(own);
    if (!asking) {
      asking = look().finally(() => {
        asking = undefined;
      });
      // Those who wait see it fail; where nobody waits any longer, nobody needs to.
      asking.catch(() => undefined);
    }
    return within(asking, options);
  }

  /** Any answer of HTTP but a refusal of a gateway shows that something lives there. */
  async function plain(options: CallOptions): Promise<ProbeOutcome> {
    const outcome = await ask({ method: "GET", path: "/", ...options, answerBytesMax: 1024 * 1024 });
    const { latencyMs } = outcome;
    if (outcome.kind === "failed") return { ok: false, latencyMs, detail: outcome.detail };
    const { status } = outcome;
    const ok = status < 500;
    return { ok, latencyMs, detail: ok ? "ok" : "status", status };
  }

  async function health(
    question: (server: ModelServer, options: CallOptions) => Promise<ProbeOutcome>,
    options: CallOptions,
  ): Promise<{ told: boolean; outcome: ProbeOutcome }> {
    if (own) return { told: true, outcome: await question(own, options) };
    const remaining = deadline(options);
    const outcome = await plain(remaining());
    if (outcome.detail === "refused" || outcome.detail === "timeout") return { told: false, outcome };
    try {
      const found = await server(remaining());
      return { told: true, outcome: await question(found, remaining()) };
    } catch {
      return { told: false, outcome };
    }
  }

  return {
    get protocol() {
      return own?.protocol ?? "oip-v2-rest";
    },
    url: base,
    get cutsStreams() {
      return own?.cutsStreams === true;
    },
    live: async (options) => (await health((found, rest) => found.live(rest), options)).outcome,
    async ready(model, options) {
      const { told, outcome } = await health((found, rest) => found.ready(model, rest), options);
      return told || !outcome.ok ? outcome : { ...outcome, ok: false, detail: "protocol" };
    },
    models: (options) => call(server, options, (found, rest) => found.models(rest)),
    metadata: (model, options) => call(server, options, (found, rest) => found.metadata(model, rest)),
    infer: (model, request, options) =>
      call(server, options, (found, rest) => found.infer(model, request, { ...options, ...rest })),
    reload: (model, options) => call(server, options, (found, rest) => found.reload(model, rest)),
    progress: (options) =>
      call(server, options, (found, rest) => found.progress(rest)).catch(() => undefined),
    close() {
      own?.close();
      close();
    },
  };
}

async function call<T>(
  server: (options: CallOptions) => Promise<ModelServer>,
  options: CallOptions,
  ask: (server: ModelServer, options: CallOptions) => Promise<T>,
): Promise<T> {
  const remaining = deadline(options);
  const found = await server(options);
  return ask(found, remaining());
}

/** The caller's own time for something that others wait for too. */
function within<T>(work: Promise<T>, { timeoutMs, signal }: CallOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () =>
      settle(() => reject(new Fault("upstream-timeout", `not known within ${timeoutMs} ms`)));
    const timer = setTimeout(expire, timeoutMs);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", expire);
      act();
    };
    if (signal?.aborted) return expire();
    signal?.addEventListener("abort", expire, { once: true });
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
