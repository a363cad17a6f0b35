import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { testCertificate } from "@locum/collector/test-certificate-fixture";
import { afterEach, beforeEach, expect, test } from "vitest";
import { locumCommand } from "../stack/locum-command.ts";
import { corrupt } from "./corrupt.ts";
import {
  type Approver,
  type Digits,
  fixtures,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

const patient = { timeout: 20_000 };
let approver: Approver;
let servers: Digits[] = [];
let sidecars: StartedSidecar[] = [];

beforeEach(async () => {
  approver = newApprover();
  servers = [await startDigits(), await startDigits()];
  const [first = never()] = servers;
  const release = await recordRelease(first, approver);
  for (const { dir } of servers) {
    await writeRelease(`${dir}/releases`, release);
    await mkdir(join(dir, "tls"));
    for (const [name, pem] of Object.entries({ ca: testCertificate.cert, ...testCertificate }))
      await writeFile(join(dir, "tls", `${name}.pem`), pem, { mode: 0o600 });
  }
});
afterEach(async () => {
  for (const part of [...sidecars, ...servers]) await part.close();
  [sidecars, servers] = [[], []];
});

function never(): never {
  throw new Error("two servers were started");
}
const original = () => readFile(`${fixtures}/model.onnx`);
const tls = { ca: "tls/ca.pem", cert: "tls/cert.pem", key: "tls/key.pem" };

/** An instance without a twin, so that what is lost has to come from elsewhere. */
async function start(
  at: number,
  {
    snapshot = {},
    files = "127.0.0.1:0",
    peer,
    sourceDown = false,
    ...rest
  }: Record<string, unknown> & {
    peer?: string;
    sourceDown?: boolean;
  },
): Promise<StartedSidecar> {
  const digits = servers[at] ?? never();
  const id = ["a", "b"][at] ?? never();
  const other = ["b", "a"][at] ?? never();
  const own = { id, digits, sidecar: files === null ? {} : { files } };
  const nowhere = { id: other, digits: { url: "http://127.0.0.1:9", modelDir: "/nowhere" } };
  const service = serviceOf([own, { ...nowhere, ...(peer ? { sidecar: { control: peer } } : {}) }], {
    approver,
    dir: digits.dir,
    ...rest,
    snapshot: { twin: false, ...(snapshot as object) },
  });
  const sidecar = await startSidecar(service, id, { sourceDown });
  sidecars.push(sidecar);
  return sidecar;
}
const host = (url: string) => url.replace("http://", "");
const untilFit = (sidecar: StartedSidecar) => expect.poll(() => sidecar.report().fit, patient).toBe(true);

test("wrong weights come back from a healthy peer, and the goldens prove them", async () => {
  const giver = await start(1, { snapshot: { peers: tls } });
  await untilFit(giver);
  const hurt = await start(0, { snapshot: { peers: tls }, files: null, peer: host(giver.control) });
  await untilFit(hurt);
  await expect.poll(() => hurt.report().restorable.length, patient).toBe(1);
  const [{ file, load } = never()] = servers;
  await corrupt(file);
  await load();
  await expect.poll(() => hurt.verdict(), patient).toBe("failed wrong-output hard");
  await untilFit(hurt);
  expect((await readFile(file)).equals(await original())).toBe(true);
  expect(hurt.logs.filter((line) => line.startsWith("error"))).toEqual([]);
});

test("a peer that lies puts nothing back, and is told of", async () => {
  const giver = await start(1, { snapshot: { peers: tls } });
  await untilFit(giver);
  const lies = createServer({ ...testCertificate, ca: testCertificate.cert }, (_request, response) => {
    response.writeHead(206, {});
    response.end(Buffer.alloc(4096, 1));
  });
  await new Promise<void>((resolve) => lies.listen(0, "127.0.0.1", resolve));
  const ready = (await (await fetch(`${giver.control}/readyz`)).json()) as { files: object };
  const { port } = lies.address() as AddressInfo;
  const says = { ...ready, files: { ...ready.files, url: `https://127.0.0.1:${port}` } };
  const liar = (await import("node:http")).createServer((_request, response) => {
    response.end(JSON.stringify(says));
  });
  await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
  try {
    const control = `127.0.0.1:${(liar.address() as AddressInfo).port}`;
    const hurt = await start(0, { snapshot: { peers: tls }, files: null, peer: control });
    await untilFit(hurt);
    const [{ file } = never()] = servers;
    await corrupt(file);
    const wrong = await readFile(file);
    await expect.poll(() => hurt.report().bytes, patient).toBe("unapproved");
    await expect.poll(() => hurt.logs.join("\n"), patient).toContain("no source of this restore");
    expect((await readFile(file)).equals(wrong)).toBe(true);
  } finally {
    for (const server of [lies, liar]) {
      server.close();
      server.closeAllConnections();
    }
  }
});

test("nobody without a certificate of the peers' authority reads a file, and nobody reads another one", async () => {
  const giver = await start(1, { snapshot: { peers: tls } });
  await untilFit(giver);
  const { files } = (await (await fetch(`${giver.control}/readyz`)).json()) as {
    files: { url: string; tree: string };
  };
  const { get } = await import("node:https");
  const ask = (path: string, options: object): Promise<number | string> =>
    new Promise((resolve) => {
      const url = `${files.url}/v1/trees/${files.tree.slice(7)}/files/${path}`;
      const request = get(url, { ca: testCertificate.cert, headers: { range: "bytes=0-9" }, ...options });
      request.on("response", (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    });
  expect(await ask("model.onnx", testCertificate)).toBe(206);
  expect(await ask("model.onnx", {})).toMatch(/^E|ERR_/);
  for (const path of ["..%2F..%2Freleases", "../../tls/key.pem", "%2Fetc%2Fpasswd", "%ff", "absent"])
    expect(await ask(path, testCertificate)).toBe(404);
  expect(await ask("model.onnx", { ...testCertificate, headers: { range: "bytes=9-0" } })).toBe(416);
  expect(await ask("model.onnx", { ...testCertificate, method: "POST" })).toBe(405);
});

test("a start while the source is away fills the folder from a peer", async () => {
  const giver = await start(1, { snapshot: { peers: tls } });
  await untilFit(giver);
  const [{ file } = never()] = servers;
  await rm(file);
  await start(0, { snapshot: { peers: tls }, files: null, peer: host(giver.control), sourceDown: true });
  expect((await readFile(file)).equals(await original())).toBe(true);
});

test("a snapshot is a source: a private key here opens it, at the start and in a restore", async () => {
  const [{ dir, file } = never()] = servers;
  const locum = locumCommand({ dir });
  await locum.done("snapshot", "init", "-r", join(dir, "kept"), "--make-key", "--writer-dir", "writer");
  const privateKeyFile = join(dir, "operator", "locum", "snapshot.key");
  const repository = { place: "kept", writerDir: "writer", privateKeyFile };
  const first = await start(0, { snapshot: { repository }, files: null });
  await untilFit(first);
  const taken = async () =>
    ((await (await fetch(`${first.control}/status`)).json()) as { snapshots: { taken: number } }).snapshots
      .taken;
  await expect.poll(taken, patient).toBe(1);
  await sidecars.pop()?.close();
  await rm(file);
  const second = await start(0, { snapshot: { repository }, files: null, sourceDown: true });
  expect((await readFile(file)).equals(await original())).toBe(true);
  await untilFit(second);
  await corrupt(file);
  await expect.poll(() => second.report().bytes, patient).toBe("unapproved");
  await expect.poll(() => second.report().bytes, patient).toBe("approved");
  expect((await readFile(file)).equals(await original())).toBe(true);
});
