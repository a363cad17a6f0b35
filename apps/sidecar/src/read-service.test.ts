import { expect, test } from "vitest";
import { advertised, readService } from "./read-service.ts";

const text = JSON.stringify({
  apiVersion: "locum.dev/v1alpha1",
  service: "s",
  instances: [{ id: "pod-1", url: "http://127.0.0.1:8000" }],
});

test("the environment holds the service where no file is named", async () => {
  const { service, instances } = await readService(undefined, { LOCUM_SERVICE: text, LOCUM_ROLE: "standby" });
  expect(service).toBe("s");
  expect(instances).toMatchObject([{ id: "pod-1", role: "standby" }]);
  expect((await readService(undefined, { LOCUM_SERVICE: text })).instances[0]?.role).toBe("active");
});

test("what is wrong in it has its line, and nothing at all is told apart", async () => {
  await expect(readService(undefined, {})).rejects.toMatchObject({ code: "usage" });
  await expect(
    readService(undefined, { LOCUM_SERVICE: text.replace("instances", "instance") }),
  ).rejects.toMatchObject({ code: "config-invalid", message: expect.stringMatching(/LOCUM_SERVICE:1:\d+/) });
  await expect(readService(undefined, { LOCUM_SERVICE: text, LOCUM_ROLE: "boss" })).rejects.toMatchObject({
    code: "usage",
  });
});

test.each([
  ["http://0.0.0.0:8471", "10.1.2.3", "http://10.1.2.3:8471"],
  ["http://[::]:8471", "fd00::1", "http://[fd00::1]:8471"],
  ["http://0.0.0.0:8471", undefined, "http://0.0.0.0:8471"],
  ["http://127.0.0.1:8471", "10.1.2.3", "http://127.0.0.1:8471"],
])("%s is advertised at %s as %s", (url, address, shown) => {
  expect(advertised(url, { LOCUM_ADDRESS: address })).toBe(shown);
});
