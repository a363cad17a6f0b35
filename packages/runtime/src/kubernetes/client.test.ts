import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { Fault } from "@locum/contracts";
import { afterEach, describe, expect, test } from "vitest";
import { listen } from "../listen.ts";
import { createKubernetes, type Kubernetes, type KubernetesOptions } from "./client.ts";
import { resources } from "./resource.ts";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A server that answers as written, over plain HTTP on loopback, as `kubectl proxy` is. */
async function serve(listener: RequestListener, options: KubernetesOptions = {}): Promise<Kubernetes> {
  const server = createServer(listener);
  const { url } = await listen(server, "127.0.0.1:0");
  const kubernetes = createKubernetes(
    { server: url, namespace: undefined, credentials: async () => ({ token: "t" }) },
    options,
  );
  open.push(() => {
    kubernetes.close();
    server.closeAllConnections();
    server.close();
  });
  return kubernetes;
}
const answer = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const pod = (name: string, resourceVersion = "1") => ({ metadata: { name, resourceVersion } });
const textOf = async (request: IncomingMessage): Promise<string> =>
  Buffer.concat(await request.toArray()).toString("utf8");
const place = { namespace: "n", name: "a" };

describe("calls", () => {
  test("say what they do by method, path, type and query", async () => {
    const seen: string[] = [];
    const kubernetes = await serve(async (request, response) => {
      const body = await textOf(request);
      const type = request.headers["content-type"] ?? "-";
      seen.push([request.method, request.url, type, request.headers.authorization, body].join(" "));
      answer(response, 200, pod("a"));
    });
    await kubernetes.get(resources.pods, place);
    await kubernetes.create(resources.leases, { namespace: "n" }, { a: 1 });
    await kubernetes.replace(resources.secrets, place, { b: 1 });
    await kubernetes.patch(resources.pods, place, { c: 1 });
    await kubernetes.patch(resources.pods, { ...place, sub: "status" }, [{ op: "remove", path: "/d" }]);
    await kubernetes.apply(
      resources.mutatingWebhooks,
      { name: "w" },
      { e: 1 },
      { fieldManager: "m", force: true },
    );
    await kubernetes.remove(resources.pods, place);
    expect(seen).toEqual([
      "GET /api/v1/namespaces/n/pods/a - Bearer t ",
      'POST /apis/coordination.k8s.io/v1/namespaces/n/leases application/json Bearer t {"a":1}',
      'PUT /api/v1/namespaces/n/secrets/a application/json Bearer t {"b":1}',
      'PATCH /api/v1/namespaces/n/pods/a application/merge-patch+json Bearer t {"c":1}',
      'PATCH /api/v1/namespaces/n/pods/a/status application/json-patch+json Bearer t [{"op":"remove","path":"/d"}]',
      'PATCH /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/w?fieldManager=m&force=true application/apply-patch+yaml Bearer t {"e":1}',
      "DELETE /api/v1/namespaces/n/pods/a application/json Bearer t {}",
    ]);
  });

  test("a name stays in its segment", async () => {
    const seen: (string | undefined)[] = [];
    const kubernetes = await serve((request, response) => {
      seen.push(request.url);
      answer(response, 404, {});
    });
    expect(await kubernetes.get(resources.pods, { namespace: "n/../kube-system", name: "a?b#c" })).toBeNull();
    expect(seen).toEqual(["/api/v1/namespaces/n%2F..%2Fkube-system/pods/a%3Fb%23c"]);
    await expect(kubernetes.get(resources.pods, { namespace: "..", name: "a" })).rejects.toThrow("segment");
  });

  test.each([
    [400, "request-invalid"],
    [401, "not-authenticated"],
    [403, "not-authorised"],
    [409, "conflict"],
    [413, "body-too-large"],
    [422, "request-invalid"],
    [429, "upstream-unreachable"],
    [500, "upstream-unreachable"],
  ])("status %i is the fault %s, with the server's own words", async (status, code) => {
    const kubernetes = await serve((_, response) =>
      answer(response, status, { message: "because", reason: "R" }),
    );
    const failed = await kubernetes.get(resources.pods, place).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Fault);
    expect(failed).toMatchObject({ code, message: `GET /api/v1/namespaces/n/pods/a: ${status} R: because` });
  });

  test("what is not there is null, and false for a removal", async () => {
    const kubernetes = await serve((_, response) => answer(response, 404, { reason: "NotFound" }));
    expect(await kubernetes.get(resources.pods, place)).toBeNull();
    expect(await kubernetes.remove(resources.pods, place)).toBe(false);
    await expect(kubernetes.replace(resources.pods, place, {})).rejects.toMatchObject({ code: "not-found" });
  });

  test("a server that accepts and says nothing is a timeout", async () => {
    const kubernetes = await serve(() => undefined, { timeoutMs: 50 });
    await expect(kubernetes.get(resources.pods, place)).rejects.toMatchObject({ code: "upstream-timeout" });
  });

  test("a body that stops halfway is a timeout too", async () => {
    const kubernetes = await serve(
      (_, response) => void response.writeHead(200, { "content-type": "application/json" }).write("{"),
      { timeoutMs: 100 },
    );
    await expect(kubernetes.get(resources.pods, place)).rejects.toMatchObject({ code: "upstream-timeout" });
  });

  test("an endless answer is cut", async () => {
    const kubernetes = await serve(
      (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const more = (error?: Error | null): void => void (error || response.write("x".repeat(10_000), more));
        more();
      },
      { bytesMax: 50_000 },
    );
    await expect(kubernetes.get(resources.pods, place)).rejects.toMatchObject({ code: "upstream-protocol" });
  });

  test.each(["<html>", "[]", "null", '"x"', '{"metadata":1}'])(
    "%s is no object of Kubernetes",
    async (text) => {
      const kubernetes = await serve((_, response) =>
        response.writeHead(200, { "content-type": "application/json" }).end(text),
      );
      await expect(kubernetes.get(resources.pods, place)).rejects.toMatchObject({
        code: "upstream-protocol",
      });
    },
  );

  test("a connection that was closed while idle is not a failed read", async () => {
    let answers = 0;
    const kubernetes = await serve((request, response) => {
      answers += 1;
      answer(response, 200, pod(`a${answers}`));
      // Says keep-alive, and closes: as a server does whose idle limit is just over.
      response.on("finish", () => setImmediate(() => request.socket.destroy()));
    });
    for (let i = 1; i <= 20; i += 1)
      expect((await kubernetes.get(resources.pods, place))?.metadata.name).toBe(`a${i}`);
  });

  test("nobody listens", async () => {
    const kubernetes = createKubernetes({
      server: "http://127.0.0.1:1",
      namespace: undefined,
      credentials: async () => ({}),
    });
    await expect(kubernetes.get(resources.pods, place)).rejects.toMatchObject({
      code: "upstream-unreachable",
    });
  });
});

describe("lists", () => {
  test("are read page by page", async () => {
    const kubernetes = await serve((request, response) => {
      const query = new URL(request.url ?? "", "http://h").searchParams;
      expect(query.get("labelSelector")).toBe("a=b");
      const at = Number(query.get("continue") ?? 0);
      answer(response, 200, {
        metadata: { resourceVersion: "7", ...(at < 2 ? { continue: String(at + 1) } : {}) },
        items: [pod(`p${at}`)],
      });
    });
    const { items, resourceVersion } = await kubernetes.list(resources.pods, {}, { labelSelector: "a=b" });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(["p0", "p1", "p2"]);
    expect(resourceVersion).toBe("7");
  });

  test("have an end", async () => {
    const kubernetes = await serve((_, response) =>
      answer(response, 200, { metadata: { continue: "more" }, items: [pod("p")] }),
    );
    await expect(kubernetes.list(resources.pods, {}, { itemsMax: 10 })).rejects.toMatchObject({
      code: "upstream-protocol",
    });
  });
});
