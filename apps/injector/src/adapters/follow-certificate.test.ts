import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followCertificate, type Pem, systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CertificateSet } from "../certificates/certificate-set.ts";
import { someSet } from "../certificates/some-set.fixture.ts";
import { createTlsServer } from "./tls-server.ts";

let dir: string;
let end: AbortController;
let used: Pem[];
let logged: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-tls-"));
  end = new AbortController();
  used = [];
  logged = [];
});
afterEach(async () => {
  end.abort();
  await rm(dir, { recursive: true, force: true });
});

/** Looks by itself only every minute: what is seen sooner was told by the system. */
function start(everyMs = 60_000): Promise<void> {
  const tls = createTlsServer(() => undefined);
  const use = (pem: Pem): void => {
    tls.use(pem);
    used.push(pem);
  };
  const log = (_level: string, message: string): void => void logged.push(message);
  const files = { cert: join(dir, "tls.crt"), key: join(dir, "tls.key") };
  return followCertificate({ files, use, signal: end.signal, clock: systemClock, log, everyMs });
}

/** As a kubelet does: a new folder beside, and one rename of the link that all files go through. */
async function project(name: string, { cert, key }: Pem): Promise<void> {
  await mkdir(join(dir, name));
  await writeFile(join(dir, name, "tls.crt"), cert);
  await writeFile(join(dir, name, "tls.key"), key);
  await symlink(name, join(dir, "..data_tmp"));
  await rename(join(dir, "..data_tmp"), join(dir, "..data"));
  for (const file of ["tls.crt", "tls.key"])
    await symlink(join("..data", file), join(dir, file)).catch(() => undefined);
}
const until = (holds: () => boolean) => expect.poll(holds, { timeout: 10_000 }).toBe(true);

test("a mounted Secret that is swapped is served at once", async () => {
  const [first, second] = [await someSet(), await someSet()];
  await project("..1", first);
  const done = start();
  await until(() => used.length === 1);
  await project("..2", second);
  await until(() => used.at(-1)?.cert === second.cert);
  end.abort();
  await done;
});

test("files that are not there yet are waited for; a folder too", async () => {
  await rm(dir, { recursive: true });
  const done = start();
  await until(() => logged.length > 0);
  await mkdir(dir);
  const set = await someSet();
  await writeFile(join(dir, "tls.key"), set.key);
  await writeFile(join(dir, "tls.crt"), set.cert);
  await until(() => used.length === 1);
  end.abort();
  await done;
});

test.each<[string, (set: CertificateSet, other: CertificateSet) => Pem]>([
  ["another's key", (set, other) => ({ cert: set.cert, key: other.key })],
  ["half a certificate", (set) => ({ cert: set.cert.slice(0, 200), key: set.key })],
  ["no key", (set) => ({ cert: set.cert, key: "" })],
  ["nothing", () => ({ cert: "", key: "" })],
])("a pair with %s is not used, and what was served goes on", async (_what, harm) => {
  const [first, second, third] = [await someSet(), await someSet(), await someSet()];
  await project("..1", first);
  const done = start();
  await until(() => used.length === 1);
  await project("..2", harm(second, third));
  await until(() => logged.length > 0);
  expect(used).toHaveLength(1);
  await project("..3", third);
  await until(() => used.at(-1)?.cert === third.cert);
  end.abort();
  await done;
});
