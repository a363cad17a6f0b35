import { connect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { inject } from "@locum/injection";
import { applyPatch } from "@locum/injection/apply-patch";
import { diceOf } from "@locum/injection/dice";
import { someManifest } from "@locum/injection/some-manifest";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { someSet } from "./certificates/some-set.fixture.ts";
import { reviewOf, type Sent, somePod, startWebhook, testInject, type Webhook } from "./webhook.fixture.ts";

let webhook: Webhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook.close());

const ask = (object: unknown, request: object = {}, path?: string): Promise<Sent> =>
  webhook.send(JSON.stringify(reviewOf(object, request)), path === undefined ? {} : { path });
type Response = { uid: string; allowed: boolean; patchType?: string; patch?: string; warnings?: string[] };
const responseOf = ({ status, body }: Sent): Response => {
  expect(status).toBe(200);
  expect(body).toMatchObject({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" });
  const response = body.response as Response;
  expect(response.allowed).toBe(true);
  return response;
};
type Operation = { op: string; path: string };
const patchIn = ({ patch }: Response): Operation[] =>
  patch === undefined ? [] : (JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as Operation[]);

describe("a review", () => {
  test("of a labelled pod is answered with a patch, which a second review leaves as it is", async () => {
    const pod = somePod();
    const response = responseOf(await ask(pod));
    expect(response).toMatchObject({ uid: "u-1", patchType: "JSONPatch" });
    expect(response.warnings).toBeUndefined();
    const injected = applyPatch(pod, patchIn(response)) as { spec: { initContainers: { name: string }[] } };
    expect(injected.spec.initContainers.map(({ name }) => name)).toEqual(["locum-sidecar"]);
    expect(responseOf(await ask(injected)).patch).toBeUndefined();
  });

  test("of 500 generated pods gives what inject() gives", async () => {
    let injected = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const pod = asPod(someManifest(diceOf(seed)));
        const response = responseOf(await ask(pod));
        const direct = inject({ pod: pod.spec, meta: pod.metadata, config: testInject });
        if (direct.kind === "declined") {
          expect(response.patch).toBeUndefined();
          expect(response.warnings?.[0]).toContain(direct.reason);
          return;
        }
        injected += 1;
        const made = applyPatch(pod, patchIn(response));
        expect(made).toEqual({ ...pod, metadata: direct.meta, spec: direct.pod });
        expect(responseOf(await ask(made)).patch).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    expect(injected).toBeGreaterThan(400);
  });

  test.each([
    ["host_network", somePod({}, { hostNetwork: true })],
    ["windows", somePod({}, { os: { name: "windows" } })],
    ["no_containers", somePod({}, { containers: [] })],
    ["bad_value", somePod({ labels: { "locum.dev/inject": "yes" } })],
    ["not_labelled", somePod({ labels: {} })],
    ["label_disabled", somePod({ labels: { "locum.dev/inject": "disabled" } })],
    ["unknown_key", somePod({ annotations: { "locum.dev/postur": "tap" } })],
    ["malformed", somePod({}, { containers: "all" })],
    ["malformed", undefined],
    ["malformed", 7],
    ["malformed", null],
    ["malformed", []],
  ])("that is declined says %s in a warning", async (reason, pod) => {
    const response = responseOf(await ask(pod));
    expect(response.patch).toBeUndefined();
    expect(response.warnings).toHaveLength(1);
    expect(response.warnings?.[0]).toMatch(new RegExp(`^locum: no sidecar: ${reason}: .*[.…]$`));
  });

  test("of a pod without the label injects where its namespace asks, and nowhere else", async () => {
    const pod = somePod({ labels: {} });
    expect(responseOf(await ask(pod, {}, "/inject/v1/namespace")).patch).toBeDefined();
    expect(responseOf(await ask(pod)).patch).toBeUndefined();
    const refused = somePod({ labels: { "locum.dev/inject": "disabled" } });
    expect(responseOf(await ask(refused, {}, "/inject/v1/namespace")).patch).toBeUndefined();
  });

  test.each([
    ["a removal", { operation: "DELETE", object: undefined }],
    ["an update", { operation: "UPDATE" }],
    ["a subresource", { subResource: "ephemeralcontainers" }],
    ["another kind", { kind: { group: "apps", version: "v1", kind: "Deployment" } }],
    ["another group's Pod", { kind: { group: "x", version: "v1", kind: "Pod" } }],
  ])("of %s is allowed as it is, with a warning", async (_what, request) => {
    const response = responseOf(await ask(somePod(), request));
    expect(response.patch).toBeUndefined();
    expect(response.warnings?.[0]).toContain("expected the creation of a Pod");
  });

  test("does not touch managedFields, status or whatever else stands in the object", async () => {
    const pod = { ...somePod({ managedFields: [{ manager: "x" }] }), status: { phase: "Pending" }, other: 1 };
    const operations = patchIn(responseOf(await ask(pod)));
    expect(operations.every(({ path }) => /^\/(spec|metadata\/annotations)/.test(path))).toBe(true);
    expect(applyPatch(pod, operations)).toMatchObject({
      metadata: { managedFields: [{ manager: "x" }] },
      other: 1,
    });
  });

  test("warnings are one line that the API server passes on", async () => {
    const response = responseOf(
      await ask(
        somePod({ annotations: { "locum.dev/x": "1", [`locum.dev/${"ü\n\u0000".repeat(200)}`]: "1" } }),
      ),
    );
    for (const warning of response.warnings ?? []) {
      expect(Buffer.byteLength(warning)).toBeLessThanOrEqual(256);
      expect(warning).not.toMatch(/[\p{Cc}\uFFFD]/u);
    }
  });
});

describe("what is no review", () => {
  const body = JSON.stringify(reviewOf(somePod()));
  test.each<[string, Parameters<Webhook["send"]>, number, RegExp]>([
    ["nothing", [""], 400, /no JSON/],
    ["text", ["hello"], 400, /no JSON/],
    ["a list", ["[]"], 400, /expected/],
    ["null", ["null"], 400, /expected/],
    ["no request", ['{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}'], 400, /request/],
    ["an old version", [body.replace("/v1", "/v1beta1")], 400, /apiVersion/],
    ["another kind", [body.replace("AdmissionReview", "Pod")], 400, /kind/],
    ["no uid", [body.replace('"uid"', '"id"')], 400, /request\.uid/],
    ["an endless uid", [body.replace("u-1", "u".repeat(10_000))], 400, /request\.uid/],
    ["a GET", ["", { method: "GET" }], 405, /POST/],
    ["another path", [body, { path: "/inject" }], 404, /inject\/v1/],
    ["a path that climbs", [body, { path: "/inject/v1/../../etc" }], 404, /inject\/v1/],
    ["another type", [body, { headers: { "content-type": "text/plain" } }], 415, /application\/json/],
    ["a longer type", [body, { headers: { "content-type": "application/jsonx" } }], 415, /application\/json/],
    ["packed", [body, { headers: { "content-encoding": "gzip" } }], 415, /identity/],
    ["nested without end", [`${"[".repeat(1_000_000)}`], 400, /no JSON/],
  ])("%s", async (_what, sent, status, message) => {
    const refused = await webhook.send(...sent);
    expect(refused.status).toBe(status);
    expect(String(refused.body.message)).toMatch(message);
  });

  test("9 MiB are refused by their head, and as they come", async () => {
    const large = Buffer.alloc(9 * 1024 * 1024, " ");
    await expect(sendAnyway({ "content-length": String(large.length) })).resolves.toMatch(/^HTTP\/1.1 413/);
    await expect(sendAnyway({ "transfer-encoding": "chunked" }, chunked(large))).resolves.toMatch(
      /^HTTP\/1.1 413/,
    );
  });

  test("deep nesting in the pod is one more reason", async () => {
    const deep = JSON.stringify(reviewOf(somePod({}, { deep: "@" }))).replace(
      '"@"',
      `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`,
    );
    const { warnings } = responseOf(await webhook.send(deep));
    expect(warnings?.[0]).toContain("malformed");
    const status = JSON.stringify({ ...reviewOf({ ...somePod(), status: "@" }) }).replace(
      '"@"',
      `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    );
    expect(responseOf(await webhook.send(status)).patch).toBeDefined();
  });

  test("names that objects have by themselves are names", async () => {
    const labels = '{"locum.dev/inject":"enabled","__proto__":"x","constructor":"y"}';
    const text = JSON.stringify(reviewOf(somePod({ labels: "@" }))).replace('"@"', labels);
    expect(responseOf(await webhook.send(text)).patch).toBeDefined();
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test("in the clear, or cut off, hurts nobody", async () => {
    const plain = connect(webhook.port, "127.0.0.1");
    plain.on("error", () => undefined).write("POST /inject/v1 HTTP/1.1\r\nhost: x\r\n\r\n");
    await new Promise((resolve) => plain.on("close", resolve));
    const half = tlsConnect({ port: webhook.port, host: "127.0.0.1", ca: webhook.authorities() });
    await new Promise((resolve) => half.on("secureConnect", resolve));
    half.write(
      'POST /inject/v1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a',
    );
    half.destroy();
    responseOf(await ask(somePod()));
  });

  test("less than TLS 1.2 is not spoken", async () => {
    const refused = await new Promise<Error>((resolve) =>
      tlsConnect({
        port: webhook.port,
        host: "127.0.0.1",
        ca: webhook.authorities(),
        maxVersion: "TLSv1.1",
        minVersion: "TLSv1",
        ciphers: "DEFAULT@SECLEVEL=0",
      }).on("error", resolve),
    );
    expect(refused.message).toMatch(/protocol|alert|version/i);
  });

  /** A request that Node's client would refuse to send, or would stop sending. */
  function sendAnyway(headers: Record<string, string>, payload: Buffer = Buffer.alloc(0)): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = tlsConnect({ port: webhook.port, host: "127.0.0.1", ca: webhook.authorities() }, () => {
        const lines = Object.entries({ "content-type": "application/json", ...headers }).map(
          ([k, v]) => `${k}: ${v}`,
        );
        socket.write(`POST /inject/v1 HTTP/1.1\r\nhost: x\r\n${lines.join("\r\n")}\r\n\r\n`);
        socket.write(payload);
      });
      let got = "";
      socket.on("data", (part) => {
        got += part.toString("latin1");
        if (!got.includes("\r\n\r\n")) return;
        socket.destroy();
        resolve(got);
      });
      socket.on("error", (error) => (got === "" ? reject(error) : resolve(got)));
    });
  }
  const chunked = (data: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n0\r\n\r\n")]);
});

test("property: no body stops it, and whatever has a uid is allowed", async () => {
  const part = fc.oneof(fc.json(), fc.string(), fc.constantFrom("null", "[]", "{}", '"x"', "1e999", "-0"));
  const body = fc.oneof(
    part,
    part.map((object) => JSON.stringify(reviewOf("@")).replace('"@"', () => object)),
    fc.tuple(fc.nat(), part).map(([at, text]) => {
      const whole = JSON.stringify(reviewOf(somePod()));
      return whole.slice(0, at % whole.length) + text + whole.slice((at % whole.length) + 1);
    }),
  );
  await fc.assert(
    fc.asyncProperty(body, async (text) => {
      const sent = await webhook.send(text);
      expect([200, 400]).toContain(sent.status);
      if (sent.status === 200) responseOf(sent);
    }),
    { numRuns: 1000 },
  );
  responseOf(await ask(somePod()));
});

test("certificates and authorities change under load, and no handshake fails", async () => {
  const body = JSON.stringify(reviewOf(somePod()));
  // As an API server that has not read the newest bundle yet: it trusts what was there before the last change.
  let trusted = webhook.authorities();
  let answered = 0;
  let going = true;
  const client = async (options: object): Promise<void> => {
    while (going) {
      responseOf(await webhook.send(body, { ...options, ca: trusted }));
      answered += 1;
    }
  };
  const fresh = { agent: false };
  const clients = [client(fresh), client(fresh), client(fresh), client({}), client({})];
  for (let changes = 0; changes < 12; changes += 1) {
    trusted = webhook.authorities();
    await webhook.renew(changes % 2 === 0 ? "authority" : "leaf");
    const seen = answered;
    await expect.poll(() => answered, { timeout: 20_000 }).toBeGreaterThan(seen + 50);
  }
  going = false;
  await Promise.all(clients);
}, 120_000);

test("a client that does not trust the authority is refused nothing by us, and refuses us", async () => {
  const { authorities } = await someSet();
  const stranger = webhook.send("{}", { agent: false, ca: authorities });
  await expect(stranger).rejects.toThrow(/certificate|issuer/);
});

/** The pod that a controller would make of a manifest. */
function asPod(manifest: Record<string, unknown>): { spec: unknown; metadata: Record<string, unknown> } {
  const { spec } = manifest as { spec: Record<string, unknown> };
  const { jobTemplate } = spec as { jobTemplate?: { spec: { template: PodTemplate } } };
  const template = jobTemplate?.spec.template ?? (spec.template as PodTemplate | undefined) ?? manifest;
  const { metadata, spec: pod } = template as PodTemplate;
  return { ...{ apiVersion: "v1", kind: "Pod" }, metadata: { ...metadata, name: "m-0" }, spec: pod };
}
type PodTemplate = { metadata: Record<string, unknown>; spec: unknown };
