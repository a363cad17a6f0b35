import type { PodsView, RepositoryView } from "@locum/contracts/client";
import { describe, expect, it } from "vitest";
import { fleetPage } from "./fleet-page.ts";
import { markupOf } from "./html.ts";
import { instance, noPods, nowMs, pods, repository, service } from "./page-data.fixture.ts";

describe("in the fleet", () => {
  const draw = (data: { pods?: PodsView; repositories?: RepositoryView[] }) =>
    markupOf(
      fleetPage({
        services: [service],
        isNarrowed: false,
        instances: [instance],
        releases: [],
        repositories: data.repositories ?? [],
        records: [],
        nowMs,
        pods: data.pods ?? noPods,
      }),
    );
  it("only models that are not right are named", () => {
    expect(draw({})).toContain("suspect: hung");
    expect(draw({})).not.toContain("model fine");
  });
  it("snapshots are shown where a service has a repository", () => {
    const sound = { ...repository, restorable: true, reason: "", escrowDue: false, scrub: null };
    expect(draw({})).not.toContain("RPO age");
    expect(draw({ repositories: [{ ...sound, service: "other" }] })).not.toContain("RPO age");
    const page = draw({ repositories: [sound] });
    expect(page).toContain("RPO age <b>3 h</b>");
    expect(page).toContain("last drill <b>failed 2 h ago</b>");
    expect(page).not.toMatch(/not restorable|damaged|escrow/);
    const bad = draw({ repositories: [repository] });
    for (const text of ["not restorable", "1 damaged", "escrow key not proven"]) expect(bad).toContain(text);
  });
  it("pods are shown where they should have a sidecar and have none", () => {
    expect(draw({ pods })).toContain("Pods without a sidecar");
    const injected = pods.pods.map((pod) => ({ ...pod, injection: "injected" as const }));
    for (const none of [noPods, { ...pods, pods: injected }])
      expect(draw({ pods: none })).not.toContain("without a sidecar");
  });
});

describe("a fleet of thousands", () => {
  const services = Array.from({ length: 500 }, (_, index) => ({
    ...service,
    service: `s-${index}`,
    state: index % 100 === 7 ? ("failed" as const) : ("healthy" as const),
  }));
  const instances = services.flatMap((one) =>
    Array.from({ length: 10 }, (_, index) => ({ ...instance, service: one.service, instance: `i-${index}` })),
  );
  const draw = (only: string | null) =>
    markupOf(
      fleetPage({
        services: services.filter((one) => only === null || one.service === only),
        isNarrowed: only !== null,
        instances: instances.filter((one) => only === null || one.service === only),
        releases: [],
        repositories: [],
        pods: noPods,
        records: [],
        nowMs,
      }),
    );

  it("shows its services, and whole only those that are not healthy", () => {
    const page = draw(null);
    expect(page).toContain("5 of 500 services not healthy.");
    expect(page.match(/<section id="service-/g)).toHaveLength(5);
    expect(page.indexOf('/?service=s-407"')).toBeLessThan(page.indexOf('/?service=s-0"'));
    expect(page.length).toBeLessThan(1_000_000);
  });
  it("shows one service whole", () => {
    expect(draw("s-3").match(/<td data-label="Instance">/g)).toHaveLength(10);
  });
  it("shows the worst of an instance's many first, and how many more there are", () => {
    const fine = { ...instance, silent: false, contested: false, report: null, connected: true };
    const many = Array.from({ length: 600 }, (_, index) => ({
      ...(index === 599 ? instance : fine),
      service: "s-3",
      instance: `i-${index}`,
    }));
    const page = markupOf(
      fleetPage({
        services: services.slice(3, 4),
        isNarrowed: true,
        instances: many,
        releases: [],
        repositories: [],
        pods: noPods,
        records: [],
        nowMs,
      }),
    );
    expect(page).toContain("100 more");
    expect(page.indexOf("i-599")).toBeLessThan(page.indexOf("i-0<"));
  });
});
