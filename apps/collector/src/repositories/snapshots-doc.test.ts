import { readFile } from "node:fs/promises";
import { parseServiceFile } from "@locum/contracts";
import { expect, test } from "vitest";
import { collectorConfig } from "../config.ts";

const doc = await readFile(new URL("../../../../docs/snapshots.md", import.meta.url), "utf8");
const [, section = ""] = doc.split("## Looked after by the collector\n");
const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(section) ?? [];

test("the example of what a sidecar does is a service file too", () => {
  const [, own = ""] = doc.split("## By the sidecar itself\n");
  const [, text = ""] = /```yaml\n([\s\S]*?)```/.exec(own) ?? [];
  const parsed = parseServiceFile(text, { file: "/srv/locum.yaml" });
  const { snapshot } = "config" in parsed ? parsed.config : expect.fail(JSON.stringify(parsed));
  expect(snapshot).toMatchObject({
    repository: { place: "s3://models/digits", writerDir: "/srv/keys/writer", onChange: true },
    peers: { ca: "/srv/tls/ca.pem" },
  });
});

test("the example of the page is a service file that this collector takes", () => {
  const parsed = parseServiceFile(example, { file: "/srv/locum.yaml" });
  const config = "config" in parsed ? parsed.config : expect.fail(JSON.stringify(parsed));
  expect(collectorConfig([config]).repositories).toMatchObject([
    {
      place: "/backup/models",
      privateKeyFile: "/srv/keys/collector.key",
      recipientsFile: "/srv/keys/recipients.pem",
      services: ["digits"],
    },
  ]);
});
