import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { containerName, inject, injectConfig } from "@locum/injection";
import { expect, test } from "vitest";
import { startSidecarProcess } from "../sidecar/sidecar-process.ts";
import { newApprover, recordRelease, startDigits, writeRelease } from "../sidecar/start-digits.ts";
import { freePort } from "../stack/free-port.ts";

const main = fileURLToPath(new URL("../../apps/sidecar/src/main.ts", import.meta.url));

/** Ports that were free a moment ago: an injected sidecar has fixed ones. */

test("the sidecar that is injected beside a model serves it from its environment alone", async () => {
  const digits = await startDigits();
  const approver = newApprover();
  const state = join(digits.dir, "var");
  await writeRelease(join(state, "releases"), await recordRelease(digits, approver));
  const port = new URL(digits.url).port;
  const result = inject({
    pod: {
      containers: [
        {
          name: "server",
          image: "tritonserver",
          ports: [{ name: "http", containerPort: Number(port) }],
          readinessProbe: { httpGet: { path: "/v2/health/ready", port: "http" } },
          volumeMounts: [{ name: "m", mountPath: digits.modelDir }],
        },
      ],
      volumes: [{ name: "m", emptyDir: {} }],
    },
    meta: {
      name: "digits-0",
      labels: { "locum.dev/inject": "enabled" },
      annotations: {
        "locum.dev/posture": "tap",
        "locum.dev/group": "digits",
        "locum.dev/port": port,
        "locum.dev/model-path": digits.modelDir,
        "locum.dev/tap-port": String(await freePort()),
        "locum.dev/control-port": String(await freePort()),
      },
    },
    config: injectConfig({
      kubeletMin: "1.34",
      approvers: [{ keyId: approver.keyId, publicKey: approver.publicKey }],
    }),
  });
  if (result.kind === "declined") throw new Error(result.detail);
  const container = result.pod.initContainers?.find(({ name }) => name === containerName);
  const inPod: Record<string, string> = { LOCUM_POD: "digits-0", LOCUM_ADDRESS: "127.0.0.1" };
  // As the kubelet does it: $(NAME) of what stands above, $$ for one.
  for (const { name, value } of container?.env ?? [])
    if (value !== undefined)
      inPod[name] = value
        .replace(/\$\(([A-Z_]+)\)/g, (all, key) => inPod[key] ?? all)
        .replaceAll("$$", "$")
        .replaceAll("/var/lib/locum", state);
  Object.assign(process.env, inPod);
  const sidecar = await startSidecarProcess(main, []).finally(() => {
    for (const name of Object.keys(inPod)) delete process.env[name];
  });
  try {
    const report = async () => (await sidecar.status()).report;
    await expect.poll(report, { timeout: 20_000 }).toMatchObject({ fit: true, bytes: "approved" });
    const tap = `http://127.0.0.1:${result.target.tapPort}`;
    expect((await fetch(`${tap}/v2/models/digits`)).status).toBe(200);
    const probe = result.pod.containers?.[0]?.readinessProbe?.httpGet;
    const asked = `http://127.0.0.1:${probe?.port}${probe?.path}`;
    expect((await fetch(asked)).status).toBe(200);
    await digits.server.close();
    await expect.poll(async () => (await fetch(asked)).status, { timeout: 15_000 }).toBe(503);
  } finally {
    await sidecar.kill("SIGKILL");
    await digits.close().catch(() => undefined);
  }
});
