import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { someSet } from "@locum/injector/some-set";
import { type Sent, sendTo } from "@locum/injector/webhook-fixture";
import { type RunningImage, runImage, unpackImage } from "./run-image.ts";
import { ownedByImage } from "./start-images.ts";

export type InjectorImage = {
  running: RunningImage;
  /** A review on a connection of its own, believed by the authority of its certificate alone. */
  review(body: object): Promise<Sent>;
  /** Of the certificate that a new connection is shown. */
  fingerprint(): Promise<string>;
  /** Another certificate of the same authority, as cert-manager writes it. */
  renew(): Promise<void>;
  close(): Promise<void>;
};

/** The injector from its image on the host's network, with a certificate that others keep. */
export async function startInjectorImage(layouts: string): Promise<InjectorImage> {
  const dir = mkdtempSync(join(tmpdir(), "locum-injector-image-"));
  const files = join(dir, "tls");
  const bundle = join(dir, "bundle");
  mkdirSync(files);
  const first = await someSet();
  writePair(files, first);
  const config = join(dir, "etc");
  mkdirSync(config);
  const listening = { listen: "127.0.0.1:0", probes: "127.0.0.1:0", certificates: "files", drainSeconds: 0 };
  writeFileSync(
    join(config, "injector.yaml"),
    JSON.stringify({ ...listening, inject: { kubeletMin: "1.36" } }),
  );
  chmodSync(dir, 0o755);
  const running = await runImage({
    dir: bundle,
    image: unpackImage(join(layouts, "injector"), bundle),
    args: ["--config", "/etc/locum-injector/injector.yaml"],
    mounts: [
      { source: config, target: "/etc/locum-injector", readOnly: true },
      { source: files, target: "/etc/locum/tls", readOnly: true },
    ],
  });
  const port = Number(new URL(running.line.url ?? "").port);
  return {
    running,
    review: (body) => sendTo(port, JSON.stringify(body), { ca: first.authorities, agent: false }),
    fingerprint: () =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: "127.0.0.1", ca: first.authorities }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        }).on("error", reject);
      }),
    renew: async () => writePair(files, await someSet({ over: first })),
    async close() {
      await running.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function writePair(dir: string, { cert, key }: { cert: string; key: string }): void {
  for (const [name, text] of [
    ["tls.crt", cert],
    ["tls.key", key],
  ] as const) {
    writeFileSync(join(dir, `.${name}`), text, { mode: 0o400 });
    ownedByImage(join(dir, `.${name}`));
    renameSync(join(dir, `.${name}`), join(dir, name));
  }
}
