import { expect, test } from "vitest";
import { serviceConfig } from "../collector.fixture.ts";
import type { RunningService } from "../fleet.ts";
import { noRepositories, type Repositories } from "./repositories.ts";
import { repositoryHandlers } from "./repository-handlers.ts";

const handlers = (services: string[], isPrivate = true) => {
  const asked: unknown[] = [];
  const repositories: Repositories = {
    ...noRepositories,
    keys: async (one) => {
      asked.push(one);
      return { keys: [] };
    },
  };
  const running = services.map((service) => ({ config: serviceConfig({ service }) }) as RunningService);
  const get = (name: string) => running.find(({ config }) => config.service === name) as RunningService;
  const fleet = { all: () => running, get, select: () => running };
  const people = { actorOf: async () => "token:sidecar" };
  return { asked, ...repositoryHandlers({ fleet, people, repositories, isPrivate }) };
};
const keysAsked = (service: string, instance: string, bound?: string) =>
  ({
    params: { service, id: "0".repeat(26) },
    body: { instance, files: [] },
    caller: { name: "x", role: "sidecar", ...(bound === undefined ? {} : { instance: bound }) },
  }) as never;

test.each([
  ["its own", "s", "a", "s/a", "ok"],
  ["another instance's", "s", "b", "s/a", "not-found"],
  ["another service's", "t", "a", "s/a", "not-found"],
  ["anything, with a token that is everybody's", "s", "a", undefined, "not-authorised"],
] as const)("a token asks for keys of %s", async (_, service, instance, bound, expected) => {
  const { openSnapshotKeys, asked } = handlers(["s", "t"]);
  const outcome = await openSnapshotKeys(keysAsked(service, instance, bound)).then(
    () => "ok",
    ({ code }) => code,
  );
  expect(outcome).toBe(expected);
  expect(asked).toHaveLength(expected === "ok" ? 1 : 0);
});

test("with one service every sidecar's token is the service's; in the clear no key leaves", async () => {
  await handlers(["s"]).openSnapshotKeys(keysAsked("s", "a"));
  await expect(handlers(["s"]).openSnapshotKeys(keysAsked("s", "z"))).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(handlers(["s"], false).openSnapshotKeys(keysAsked("s", "a"))).rejects.toMatchObject({
    code: "refused",
  });
});
