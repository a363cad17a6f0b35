import fc from "fast-check";
import { expect, test } from "vitest";
import { certificateNames, injectorConfig } from "./config.ts";

const read = (text: string) => injectorConfig(text, { source: "f" });

test("an empty file is all defaults", () => {
  expect(read("")).toMatchObject({
    listen: "0.0.0.0:8443",
    probes: "0.0.0.0:8080",
    certificates: "self",
    service: "locum-injector",
    inject: { native: "auto" },
  });
});

test("the certificate is for the Service, and for what else is named", () => {
  const config = read("names: [10.0.0.1]\nservice: inj");
  expect(certificateNames(config, "ns")).toEqual(["inj.ns.svc", "inj.ns.svc.cluster.local", "10.0.0.1"]);
});

test.each([
  ["lisen: 1", "lisen"],
  ["listen: nowhere", "f:1:9: listen"],
  ["certificates: none", "certificates"],
  ["drainSeconds: -1", "drainSeconds"],
  ["inject: {image: ' '}", "image"],
  ["inject: {defaults: {postur: tap}}", "postur"],
  ["inject: 7", "injection"],
  ["- a", "f:1:1"],
  ["a: [", "f:1"],
])("%s is refused by its place", (text, word) => {
  expect(() => read(text)).toThrow(word);
});

test("property: any text is a configuration or a fault", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "config-invalid" });
      }
    }),
  );
});
