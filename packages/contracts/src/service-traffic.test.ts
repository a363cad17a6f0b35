import { expect, test } from "vitest";
import { parseServiceFile } from "./service-file.ts";

const problems = (runtime: string) => {
  const instances = [{ id: "a", url: "http://127.0.0.1:8000" }];
  const text = JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: "s",
    instances,
    traffic: { haproxy: [{ runtime }] },
  });
  const parsed = parseServiceFile(text, { file: "/x/locum.yaml" });
  return "problems" in parsed ? parsed.problems.map(({ path, expected }) => `${path}: ${expected}`) : [];
};

test.each(["/run/haproxy/admin.sock", "127.0.0.1:9999", "[::1]:9999", "localhost:9999"])(
  "%s is on this machine",
  (runtime) => {
    expect(problems(runtime)).toEqual([]);
  },
);

test.each(["10.0.0.1:9999", "balancer:9999"])(
  "%s is reached over a network, where nobody is asked who he is",
  (runtime) => {
    expect(problems(runtime)).toEqual([
      "traffic.haproxy[0].runtime: a loopback address, or the path of a socket",
    ]);
  },
);

test.each(["run/haproxy.sock", "127.0.0.1", "/x\0"])("%j is neither a path nor an address", (runtime) => {
  expect(problems(runtime)).toHaveLength(1);
});
