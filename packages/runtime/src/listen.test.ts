import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { listen } from "./listen.ts";

const servers: ReturnType<typeof createServer>[] = [];
const server = () => {
  const made = createServer((_, answer) => answer.end("here"));
  servers.push(made);
  return made;
};
afterEach(() => {
  for (const made of servers.splice(0)) made.close();
});

test("gives the URL that it got", async () => {
  const { url, port } = await listen(server(), "127.0.0.1:0");
  expect(port).toBeGreaterThan(0);
  expect(await (await fetch(url)).text()).toBe("here");
});

test("a taken port is a conflict", async () => {
  const { port } = await listen(server(), "127.0.0.1:0");
  await expect(listen(server(), `127.0.0.1:${port}`)).rejects.toMatchObject({ code: "conflict" });
});

test("what carries tokens does not listen in the clear off loopback; what carries none may", async () => {
  await expect(listen(server(), "0.0.0.0:0")).rejects.toMatchObject({ code: "config-invalid" });
  await expect(listen(server(), "0.0.0.0:0", { secrets: false })).resolves.toHaveProperty("port");
});

test("an address of another machine is a fault of the configuration", async () => {
  await expect(listen(server(), "192.0.2.1:0", { secrets: false })).rejects.toMatchObject({
    code: "config-invalid",
  });
});
