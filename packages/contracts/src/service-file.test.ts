import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadServiceFile, parseServiceFile, readServiceFile, type ServiceProblem } from "./service-file.ts";

const file = resolve("/etc/locum/service.yaml");
const sound = `apiVersion: locum.dev/v1alpha1
service: digits
instances:
  - id: a
    url: http://127.0.0.1:8000
    modelDir: models/a
  - id: b
    url: http://127.0.0.1:8001
    role: standby
    modelDir: models/b
`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "locum-service-file-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a sound file gives its configuration, with absolute paths and every default", () => {
  const parsed = parseServiceFile(sound, { file });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  expect(parsed.config.instances[0]?.modelDir).toBe(resolve("/etc/locum/models/a"));
  expect(parsed.config.instances[1]?.sidecar.stateDir).toBe(resolve("/etc/locum/.locum/digits-b"));
  expect(parsed.config.collector.tokenFile).toBe(resolve("/etc/locum/.locum/tokens.json"));
  expect(parsed.config.failover.leaseMs).toBe(3000);
});

test("parsing its own result again changes nothing", () => {
  const once = parseServiceFile(sound, { file });
  if (!("config" in once)) throw new Error("the first parse failed");
  expect(parseServiceFile(stringify(once.config), { file: "/elsewhere/x.yaml" })).toEqual(once);
});

const cases: [string, (text: string) => string, Partial<ServiceProblem>][] = [
  [
    "a misspelt key",
    (text) => text.replace("role: standby", "roel: standby"),
    { line: 9, column: 5, path: "instances[1].roel", expected: '"role"?', found: "an unknown key" },
  ],
  [
    "a key far from any other",
    (text) => `${text}zzz: 1\n`,
    { line: 11, column: 1, path: "zzz", expected: expect.stringContaining("one of apiVersion, service") },
  ],
  [
    "a key of the prototype",
    (text) => `${text}__proto__: { polluted: 1 }\n`,
    { line: 11, path: "__proto__", found: "an unknown key" },
  ],
  [
    "a value of the wrong type",
    (text) => `${text}failover:\n  leaseMs: soon\n`,
    { line: 12, column: 12, path: "failover.leaseMs", expected: "a number", found: '"soon"' },
  ],
  [
    "a section with nothing in it",
    (text) => `${text}golden:\n`,
    { path: "golden", expected: "a mapping", found: "null" },
  ],
  [
    "a word that is no choice",
    (text) => text.replace("role: standby", "role: spare"),
    { line: 9, column: 11, expected: "one of active, standby", found: '"spare"' },
  ],
  [
    "a URL that is none",
    (text) => text.replace("http://127.0.0.1:8001", "digits-b"),
    { line: 8, path: "instances[1].url", expected: "an http:// or https:// URL", found: '"digits-b"' },
  ],
  [
    "a number below its bound",
    (text) => `${text}probe: { processMs: 1 }\n`,
    { line: 11, path: "probe.processMs", expected: "at least 50", found: "1" },
  ],
  [
    "a missing field stands at its owner",
    (text) => text.replace("    url: http://127.0.0.1:8001\n", ""),
    { line: 7, path: "instances[1].url", found: "nothing" },
  ],
  ["a key twice", (text) => `${text}service: again\n`, { line: 11, path: "service", found: "the key again" }],
  ["broken YAML", (text) => `${text}notify: [\n`, { line: 12, expected: "well-formed YAML" }],
  ["a tag of another program", (text) => `${text}listen: !!js/function x\n`, { line: 11 }],
  ["two documents", (text) => `${text}---\nservice: x\n`, { expected: "well-formed YAML" }],
  ["a list", () => "- a\n", { line: 1, path: "", found: "a list of 1" }],
  ["an empty file", () => "", { line: 1, found: "null" }],
  [
    "a short lease",
    (text) => `${text}failover: { leaseMs: 1000 }\n`,
    {
      line: 11,
      column: 22,
      path: "failover.leaseMs",
      expected: "at least 1500 (3 x heartbeatMs)",
      found: "1000",
    },
  ],
  [
    "a proof that ages faster than a round",
    (text) => `${text}golden: { fitnessMaxAgeMs: 2000 }\n`,
    { path: "golden.fitnessMaxAgeMs", expected: expect.stringContaining("at least 30000") },
  ],
  [
    "overlapping probes",
    (text) => `${text}probe: { timeoutMs: 1500 }\n`,
    { path: "probe.liveMs", expected: expect.stringContaining("at least 1500") },
  ],
  [
    "an id twice",
    (text) => text.replace("id: b", "id: a"),
    { line: 7, path: "instances[1].id", found: "that of instances[0]" },
  ],
  [
    "one server as two instances",
    (text) => text.replace("8001", "8000"),
    { line: 8, path: "instances[1].url" },
  ],
  [
    "nobody active",
    (text) =>
      text.replace("    url: http://127.0.0.1:8000", "    url: http://127.0.0.1:8000\n    role: standby"),
    { path: "instances", found: "0 active" },
  ],
  [
    "two actives in an exclusive service",
    (text) => `${text.replace("role: standby", "role: active")}class: exclusive\nposture: tap\n`,
    { path: "instances", expected: expect.stringContaining("exactly one active"), found: "2 active" },
  ],
  [
    "an exclusive service that is only watched",
    (text) => `${text}class: exclusive\n`,
    { path: "posture", found: "watch" },
  ],
  [
    "a proof that takes longer than the lease",
    (text) => `${text}class: exclusive\nposture: tap\nfailover: { prepareMs: 3000 }\n`,
    { path: "failover.prepareMs", expected: "less than leaseMs (3000)" },
  ],
  [
    "shared files without a volume",
    (text) => text.replace("models/b", "./models/a/"),
    { line: 10, path: "instances[1].modelDir", found: "no volume" },
  ],
  [
    "state inside of the model's files",
    (text) => `${text}releases: models/a/releases\n`,
    { line: 11, path: "releases", expected: expect.stringContaining("a folder outside of") },
  ],
  [
    "spare copies inside of the model's files",
    (text) => `${text}snapshot: { spareDir: models/b/spare }\n`,
    { path: "snapshot.spareDir", expected: expect.stringContaining("a folder outside of") },
  ],
  [
    "a start from spare copies that are nowhere",
    (text) => `${text}snapshot: { onSourceFailure: use-snapshot }\n`,
    { path: "snapshot.onSourceFailure", found: "none of them" },
  ],
  [
    "inference records of a sidecar that is not in the path",
    (text) => `${text}inference: { records: file, dir: records }\n`,
    { path: "inference.records", expected: "off, or the posture tap", found: "watch" },
  ],
  [
    "inference records for nowhere",
    (text) => `${text}posture: tap\ninference: { records: s3, dir: records }\n`,
    { path: "inference.records", expected: "off, or s3.url", found: "no s3" },
  ],
  [
    "two listeners on one port",
    (text) => `${text}listen: 0.0.0.0:9000\ncollector: { listen: "127.0.0.1:9000" }\n`,
    { path: "collector.listen", found: "the port of listen" },
  ],
  [
    "a listener on the model server's port",
    (text) => `${text}listen: localhost:8001\n`,
    { path: "listen", found: "the port of instances.1.url" },
  ],
  [
    "tokens in the clear",
    (text) => `${text}collector: { listen: "0.0.0.0:9000" }\n`,
    { path: "collector.listen", expected: "a loopback address, or collector.tls" },
  ],
  [
    "a collector elsewhere without https",
    (text) => `${text}collector: { url: "http://collector:9000" }\n`,
    { path: "collector.url", expected: expect.stringContaining("https://") },
  ],
  [
    "a quiet time that no sweep can see",
    (text) => `${text}snapshot: { statMs: 5000 }\n`,
    { path: "snapshot.settleMs" },
  ],
  [
    "a schedule for copies that nobody keeps",
    (text) => `${text}snapshot: { schedule: "0 3 * * *" }\n`,
    { path: "snapshot.schedule", expected: expect.stringContaining("spareDir") },
  ],
  [
    "a schedule that is none",
    (text) => `${text}snapshot: { spareDir: /spare, schedule: "0 25 * * *" }\n`,
    { path: "snapshot.schedule", expected: expect.stringContaining("hour from 0 to 23") },
  ],
  [
    "a repository inside of the model's files",
    (text) => `${text}snapshot: { repository: { place: models/b/kept, writerDir: w } }\n`,
    { path: "snapshot.repository.place", expected: expect.stringContaining("a folder outside of") },
  ],
  [
    "model files for peers that show no certificate",
    (text) => text.replace("role: standby", 'role: standby\n    sidecar: { files: "127.0.0.1:9300" }'),
    { path: "instances[1].sidecar.files", expected: expect.stringContaining("snapshot.peers") },
  ],
  [
    "a notification of no kind",
    (text) => `${text}notify: [{ mail: x }]\n`,
    { path: "notify[0]", expected: "one of: webhook, exec" },
  ],
];

describe("each problem is named with its place and expectation:", () => {
  test.each(cases)("%s", (_, change, problem) => {
    const parsed = parseServiceFile(change(sound), { file });
    expect(parsed).toHaveProperty("problems");
    expect("problems" in parsed && parsed.problems).toContainEqual(expect.objectContaining(problem));
  });
});

test("files of a repository, its hooks and the collector's begin at the service file, a place with a scheme does not", () => {
  const parsed = parseServiceFile(
    `${sound}snapshot:
  repository:
    place: kept
    writerDir: keys
    include: [prompts]
    hooks: [{ kind: sqlite, name: facts, file: facts.db }, { kind: redis, name: r, passwordFile: /secret }]
  peers: { ca: tls/ca.pem, cert: tls/cert.pem, key: tls/key.pem }
collector:
  repositories: [{ place: "s3://models/digits", privateKeyFile: ops.key }]
`,
    { file },
  );
  const { snapshot, collector } = "config" in parsed ? parsed.config : expect.fail(JSON.stringify(parsed));
  const at = (path: string) => resolve(dirname(file), path);
  expect(snapshot.repository).toMatchObject({
    place: at("kept"),
    writerDir: at("keys"),
    include: [at("prompts")],
    hooks: [{ file: at("facts.db") }, { passwordFile: resolve("/secret") }],
  });
  expect(snapshot.peers).toMatchObject({ ca: at("tls/ca.pem"), key: at("tls/key.pem") });
  expect(collector.repositories).toMatchObject([
    { place: "s3://models/digits", privateKeyFile: at("ops.key"), keep: { last: 5, monthly: 12 } },
  ]);
});

test("all problems are listed, in the order of the file, a misspelt key beside an impossible relation", () => {
  const parsed = parseServiceFile(
    `${sound}failover: { leaseMs: 600, leseMs: 1 }\ngolden: { fitnessMaxAgeMs: 1000 }\nobjectves: {}\n`,
    { file },
  );
  expect("problems" in parsed && parsed.problems.map(({ path }) => path)).toEqual([
    "failover.leaseMs",
    "failover.leseMs",
    "golden.fitnessMaxAgeMs",
    "objectves",
  ]);
});

test("instances on different machines may use one port", () => {
  const text = sound
    .replace("    modelDir: models/a", "    domain: n1\n    sidecar: { tap: 0.0.0.0:9100 }")
    .replace("    modelDir: models/b", "    domain: n2\n    sidecar: { tap: 0.0.0.0:9100 }");
  expect(parseServiceFile(text, { file })).toHaveProperty("config");
});

test.each([
  [
    "an alias bomb",
    `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
      .split("")
      .map((key, index) => `${key}: &${key} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(",")}]`)
      .join("\n")}\n`,
  ],
  ["an alias of itself", "a: &a [*a]\n"],
  ["100 000 brackets", "[".repeat(100_000)],
  ["100 000 nested lists on one line", "- ".repeat(100_000)],
  ["100 000 nested keys on one line", "? ".repeat(100_000)],
  ["60 000 different keys", Array.from({ length: 60_000 }, (_, key) => `k${key}: 1`).join("\n")],
  ["more than the limit", "#".repeat(1_048_577)],
])("hostile text ends in problems: %s", (_, text) => {
  const parsed = parseServiceFile(text, { file });
  expect("problems" in parsed && parsed.problems.length).toBeGreaterThan(0);
  expect("problems" in parsed && parsed.problems.length).toBeLessThanOrEqual(100);
});

test("any text gives a configuration or problems with places, never an exception", () => {
  const lines = sound.split("\n");
  const mangled = fc
    .tuple(fc.nat(lines.length - 1), fc.string({ maxLength: 40 }))
    .map(([at, text]) => lines.with(at, text).join("\n"));
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200 }), mangled), (text) => {
      const parsed = parseServiceFile(text, { file });
      if ("config" in parsed) return;
      expect(parsed.problems.length).toBeGreaterThan(0);
      for (const { line, column } of parsed.problems)
        expect(Math.min(line, column)).toBeGreaterThanOrEqual(1);
    }),
  );
});

test("bytes that are not UTF-8 are a problem with its line", async () => {
  const path = join(folder, "latin1.yaml");
  await writeFile(path, Buffer.from(`${sound}# f\u00fcr\n`, "latin1"));
  expect(await readServiceFile(path)).toEqual({
    problems: [{ line: 11, column: 4, path: "", expected: "UTF-8", found: "byte 0xfc" }],
  });
});

test("a file that is not there is unreadable; a bad one is one fault with every problem", async () => {
  await expect(loadServiceFile(join(folder, "none.yaml"))).rejects.toMatchObject({
    code: "config-unreadable",
  });
  const path = join(folder, "bad.yaml");
  await writeFile(path, "service: digits\n");
  await expect(loadServiceFile(path)).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringMatching(
      /:1:1: apiVersion: expected locum.dev\/v1alpha1, found nothing\n.*instances/,
    ),
  });
  await writeFile(path, sound);
  expect((await loadServiceFile(path)).service).toBe("digits");
  expect(await readFile(path, "utf8")).toBe(sound);
});
