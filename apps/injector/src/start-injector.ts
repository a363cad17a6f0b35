import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import {
  backoffMs,
  type Clock,
  closeServer,
  followCertificate,
  type Log,
  listen,
  type Pem,
  type Random,
} from "@locum/runtime";
import { createKubernetes, inClusterAccess, loadKubeconfig } from "@locum/runtime/kubernetes";
import { certificateSecret } from "./adapters/certificate-secret.ts";
import { createTlsServer } from "./adapters/tls-server.ts";
import { publishBundle } from "./adapters/webhook-bundle.ts";
import { createApp, type Problem } from "./app.ts";
import type { CertificateSet } from "./certificates/certificate-set.ts";
import { certificateNames, type InjectorConfig } from "./config.ts";
import { lookAtCertificates } from "./keep-own-certificates.ts";
import { warmUp } from "./warm-up.ts";

export type Injector = {
  probesUrl: string;
  /** Resolves when the webhook listens: not before there is a certificate. Rejects where its address is not to be had. */
  listening: Promise<string>;
  problems(): readonly Problem[];
  /** Not ready from now on; serves on, and asks each connection to close behind its answer. */
  beginDrain(): void;
  close(signal: AbortSignal): Promise<void>;
};
export type InjectorDeps = { clock: Clock; random: Random; log: Log };

/** How long a caBundle that was taken away, or a certificate of another replica, may go unnoticed. */
const lookMs = 5000;
const probeLimits = { headersTimeout: 5000, requestTimeout: 10_000, maxHeaderSize: 16_384 };

/** @throws Fault config-invalid | config-unreadable | conflict */
export async function startInjector(config: InjectorConfig, deps: InjectorDeps): Promise<Injector> {
  const { clock, log } = deps;
  const end = new AbortController();
  const first = Promise.withResolvers<void>();
  const state = { draining: false, trusted: config.certificates === "files" };
  const leftMs = (): number | null => {
    const endsMs = tls.endsMs();
    return endsMs === null ? null : endsMs - clock.wallMs();
  };
  const problems = (): Problem[] => problemsOf({ ...state, leftMs: leftMs() });
  const draining = (): boolean => state.draining;
  const app = createApp({ ...deps, inject: config.inject, problems, certificateLeftMs: leftMs, draining });
  const tls = createTlsServer(app.webhook);
  const use = (pem: Pem): void => {
    tls.use(pem);
    first.resolve();
  };
  const keep = await certificateKeeper(config, {
    ...deps,
    use,
    onTrusted: (trusted) => void Object.assign(state, { trusted }),
  });
  const probes: Server = createServer(probeLimits, app.probes);
  const { url: probesUrl } = await listen(probes, config.probes, { secrets: false });
  const kept = keep(end.signal);
  return {
    probesUrl,
    listening: Promise.all([first.promise, warmUp(config.inject)]).then(
      async () => (await listen(tls.server, config.listen, { tls: true })).url,
    ),
    problems,
    beginDrain() {
      state.draining = true;
    },
    async close(signal) {
      end.abort();
      if (tls.server.listening) await closeServer(tls.server)(signal);
      await closeServer(probes)(signal);
      await kept;
      log("info", "the injector has ended");
    },
  };
}

function problemsOf({
  draining,
  trusted,
  leftMs,
}: {
  draining: boolean;
  trusted: boolean;
  leftMs: number | null;
}): Problem[] {
  return [
    ...(draining ? [{ code: "draining" as const, detail: "it is about to end" }] : []),
    ...(leftMs === null ? [{ code: "no-certificate" as const, detail: "there is none to serve yet" }] : []),
    ...(leftMs !== null && leftMs <= 0
      ? [{ code: "certificate-expired" as const, detail: `for ${Math.round(-leftMs / 1000)} s` }]
      : []),
    ...(trusted
      ? []
      : [{ code: "not-trusted" as const, detail: "the webhook's registration has no caBundle of ours yet" }]),
  ];
}

type Keeper = (signal: AbortSignal) => Promise<void>;
type KeeperDeps = InjectorDeps & { use: (pem: Pem) => void; onTrusted: (trusted: boolean) => void };

/** Both run until the signal aborts, and never throw: what goes wrong is logged, and tried again. */
async function certificateKeeper(config: InjectorConfig, deps: KeeperDeps): Promise<Keeper> {
  const { clock, log, random, use, onTrusted } = deps;
  if (config.certificates === "files") {
    const file = (name: string): string => join(config.certificateDir, name);
    const files = { cert: file("tls.crt"), key: file("tls.key") };
    return (signal) => followCertificate({ files, use, signal, clock, log });
  }
  const access = config.kubeconfig ? await loadKubeconfig(config.kubeconfig) : await inClusterAccess();
  const namespace = config.namespace ?? access.namespace;
  if (namespace === undefined)
    throw new Fault("config-invalid", "expected a namespace, found none", {
      hint: "Set namespace, or run it in a cluster.",
    });
  const kubernetes = createKubernetes(access);
  const own = {
    secret: certificateSecret(kubernetes, namespace),
    publish: (authorities: string) => publishBundle(kubernetes, authorities),
    names: certificateNames(config, namespace),
    use,
    clock,
    log,
  };
  return async (signal) => {
    let served: CertificateSet | null = null;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { set, trusted } = await lookAtCertificates(own, served);
        served = set;
        onTrusted(trusted);
        failures = 0;
      } catch (error) {
        failures += 1;
        log("warn", "the certificates were not looked at", { error });
      }
      const waitMs = failures === 0 ? lookMs : backoffMs(failures, random, { baseMs: 100, capMs: lookMs });
      await clock.sleep(waitMs, signal);
    }
    kubernetes.close();
  };
}
