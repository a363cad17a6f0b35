import { parseServiceFile } from "@locum/contracts";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { injectConfig } from "./config.ts";
import { injectText, uninjectText } from "./inject-text.ts";

const config = injectConfig({});
const fileOf = (service: object) =>
  JSON.stringify(
    {
      services: { triton: { image: "tritonserver", labels: { "locum.dev/inject": "enabled" }, ...service } },
    },
    null,
    2,
  );
const injected = (text: string) => {
  const result = injectText(text, config);
  if (result.kind === "broken") throw new Error(result.problem.message);
  return { ...result, file: parse(result.text) as { services: Record<string, Record<string, never>> } };
};

test("a sidecar in the network of its service, with its files and without rights", () => {
  const { file, outcomes } = injected(fileOf({ volumes: ["./m:/models:rw"], ports: ["8000:8000"] }));
  const sidecar = file.services["triton-locum"] as unknown as Record<string, unknown>;
  expect(outcomes).toMatchObject([{ name: "triton", outcome: "injected" }]);
  expect(sidecar).toMatchObject({
    network_mode: "service:triton",
    user: "65532:65532",
    read_only: true,
    cap_drop: ["ALL"],
    volumes: ["/var/lib/locum", "./m:/models:rw"],
  });
  expect(file.services.triton?.ports).toEqual(["8000:8000"]);
  const text = (sidecar.environment as { LOCUM_SERVICE: string }).LOCUM_SERVICE;
  expect(parseServiceFile(text, { file: "/x" })).toHaveProperty("config");
});

test.each([
  ["8000:8000", "8000:8471"],
  ["127.0.0.1:9000:8000/tcp", "127.0.0.1:9000:8471/tcp"],
  ["8000", "8000:8471"],
  [8000, "8000:8471"],
  [
    { target: 8000, published: 80 },
    { target: 8471, published: 80 },
  ],
  ["8002:8002", "8002:8002"],
  ["8000:8000/udp", "8000:8000/udp"],
])("in tap the published port %j leads to %j", (port, tapped) => {
  const text = fileOf({
    labels: { "locum.dev/inject": "enabled", "locum.dev/posture": "tap" },
    command: "tritonserver --http-port=8000",
    ports: [port, "9999:9999"],
  });
  const { file, text: made } = injected(text);
  expect(file.services.triton?.ports).toEqual([tapped, "9999:9999"]);
  expect(uninjectText(made)).toEqual({ kind: "done", text, exact: true });
});

test.each([
  [{ labels: ["locum.dev/inject=disabled"] }, "label_disabled"],
  [{ labels: ["locum.dev/inject"] }, "bad_value"],
  [{ labels: ["locum.dev/inject=enabled", "locum.dev/postur=tap"] }, "unknown_key"],
  [{ network_mode: "host" }, "host_network"],
  [{ image: "nginx" }, "no_port"],
])("%j is declined: %s", (service, reason) => {
  const text = fileOf(service);
  const { outcomes, text: made } = injected(text);
  expect(outcomes).toMatchObject([{ outcome: "declined", reason }]);
  expect(made).toBe(text);
});

test("a cluster's values name no file that a Compose file does not mount", () => {
  const cluster = injectConfig({ collector: { url: "https://c:8470", caConfigMap: "locum-ca" } });
  const result = injectText(fileOf({ ports: ["8000:8000"] }), cluster);
  if (result.kind === "broken") throw new Error(result.problem.message);
  const sidecar = parse(result.text).services["triton-locum"];
  const { collector } = JSON.parse(sidecar.environment.LOCUM_SERVICE);
  expect(collector).toEqual({ url: "https://c:8470", tokenFile: "/var/run/secrets/locum.dev/token" });
  expect(sidecar.volumes).toContain("./.locum/tokens.json:/var/run/secrets/locum.dev/token:ro");
});
