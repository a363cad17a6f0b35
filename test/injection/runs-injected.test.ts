import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { containerName, inject, injectConfig } from "@locum/injection";
import { expect, test } from "vitest";
import { startSidecarProcess } from "../sidecar/sidecar-process.ts";
import { newApprover, recordRelease, startDigits, writeRelease } from "../sidecar/start-digits.ts";
import { freePort } from "../stack/free-port.ts";

const main = fileURLToPath(new URL("../../apps/sidecar/src/main.ts", import.meta.url));

type Result = ReturnType<typeof inject> & { kind: "injected" };

/** The environment that the kubelet would give the sidecar; its folders are below `state`. */
function environmentOf({ pod }: Result, state: string): Record<string, string> {
  const container = pod.initContainers?.find(({ name }) => name === containerName);
  const inPod: Record<string, string> = { LOCUM_POD: "digits-0", LOCUM_ADDRESS: "127.0.0.1" };
  // As the kubelet does it: $(NAME) of what stands above, $$ for one.
  for (const { name, value } of container?.env ?? [])
    if (value !== undefined)
      inPod[name] = value
        .replace(/\$\(([A-Z_]+)\)/g, (all, key) => inPod[key] ?? all)
        .replaceAll("$$", "$")
        .replaceAll("/var/lib/locum", state);
  return inPod;
}

async function startInjected(result: Result, state: string) {
  const inPod = environmentOf(result, state);
  Object.assign(process.env, inPod);
  return startSidecarProcess(main, []).finally(() => {
    for (const name of Object.keys(inPod)) delete process.env[name];
  });
}

function injected(
  container: object,
  keys: Record<string, string>,
  approver: ReturnType<typeof newApprover>,
): Result {
  const result = inject({
    pod: {
      containers: [{ name: "server", ...container }],
      volumes: [{ name: "m", emptyDir: {} }],
    },
    meta: {
      name: "digits-0",
      labels: { "locum.dev/inject": "enabled" },
      annotations: Object.fromEntries(
        Object.entries({ posture: "tap", group: "digits", ...keys }).map(([key, text]) => [
          `locum.dev/${key}`,
          text,
        ]),
      ),
    },
    config: injectConfig({
      kubeletMin: "1.34",
      approvers: [{ keyId: approver.keyId, publicKey: approver.publicKey }],
    }),
  });
  if (result.kind === "declined") throw new Error(result.detail);
  return result;
}

test("the sidecar that is injected beside a model serves it from its environment alone", async () => {
  const digits = await startDigits();
  const approver = newApprover();
  const state = join(digits.dir, "var");
  await writeRelease(join(state, "releases"), await recordRelease(digits, approver));
  const port = new URL(digits.url).port;
  const result = injected(
    {
      image: "tritonserver",
      ports: [{ name: "http", containerPort: Number(port) }],
      readinessProbe: { httpGet: { path: "/v2/health/ready", port: "http" } },
      volumeMounts: [{ name: "m", mountPath: digits.modelDir }],
    },
    {
      port,
      "model-path": digits.modelDir,
      "tap-port": String(await freePort()),
      "control-port": String(await freePort()),
    },
    approver,
  );
  const sidecar = await startInjected(result, state);
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

test("a server that was moved is reached at the number that it had, through the tap", async () => {
  const approver = newApprover();
  const known = String(await freePort());
  const busy = await busyPorts();
  const container = {
    image: "seldonio/mlserver:1.6.1",
    env: [
      { name: "MLSERVER_HTTP_PORT", value: known },
      // A number that stands in the pod is not taken: here those that another program of this machine has.
      { name: "TAKEN", value: busy.join(" ") },
    ],
    ports: [{ containerPort: Number(known) }],
  };
  const result = injected(container, { "control-port": String(await freePort()) }, approver);
  const [server] = result.pod.containers ?? [];
  const port = server?.env?.find(({ name }) => name === "MLSERVER_HTTP_PORT")?.value;
  expect(result.target).toMatchObject({ port: Number(port), tapPort: Number(known) });
  // What MLServer does with its variable.
  const digits = await startDigits({ port: Number(port) });
  const sidecar = await startInjected(result, join(digits.dir, "var"));
  try {
    const answer = await fetch(`http://127.0.0.1:${known}/v2/models/digits`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ name: "digits" });
  } finally {
    await sidecar.kill("SIGKILL");
    await digits.close();
  }
});

/** The first ports from 8474 on that are taken on this machine. */
async function busyPorts(): Promise<number[]> {
  const busy: number[] = [];
  for (let port = 8474; ; port += 1) {
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (isFree) {
      server.close();
      return busy;
    }
    busy.push(port);
  }
}
