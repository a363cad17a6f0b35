import { readFileSync } from "node:fs";
import { Report } from "@locum/contracts";
import { type Client, createClient } from "@locum/contracts/client";
import type { Running } from "./locum-command.ts";
import { processesBelow } from "./process-tree.ts";
import { until } from "./until.ts";

export type Reports = Record<string, Report>;
export type StackView = {
  ids: string[];
  /** URL of the service as its clients know it. */
  service: string;
  api: Client;
  tokenOf(role: string): string;
  /** The report in a sidecar's /status; null while it does not answer. */
  report(id: string): Promise<Report | null>;
  /** Waits until exactly one is active and all are proven fit, undiverted and healthy. */
  settled(options?: { withinMs?: number }): Promise<Reports>;
  /** Process ids as they are now: a process that was killed comes back with another one. */
  pidOf(what: "collector" | { sidecar: string }): number | undefined;
};

export const serviceName = "digits";

/** A running stack, looked at from outside through what it serves. */
export function viewStack({ child, line }: Pick<Running, "child" | "line">): StackView {
  const { tokens } = JSON.parse(readFileSync(line.tokenFile, "utf8")) as {
    tokens: { role: string; token: string }[];
  };
  const tokenOf = (role: string) => tokens.find((held) => held.role === role)?.token ?? "";
  const report = async (id: string): Promise<Report | null> => {
    const control = line.sidecars.find((sidecar) => sidecar.id === id)?.control;
    try {
      const answer = await fetch(`${control}/status`, { signal: AbortSignal.timeout(1000) });
      return Report.parse(((await answer.json()) as { report: unknown }).report);
    } catch {
      return null;
    }
  };
  const ids = line.sidecars.map(({ id }) => id);
  return {
    ids,
    service: line.service[serviceName] ?? "",
    api: createClient({ baseUrl: line.collector, token: tokenOf("admin") }),
    tokenOf,
    report,
    async settled({ withinMs = 45_000 } = {}) {
      let seen: [string, Report | null][] = [];
      const calm = async () => {
        seen = await Promise.all(
          ids.map(async (id): Promise<[string, Report | null]> => [id, await report(id)]),
        );
        return isCalm(seen.map(([, it]) => it)) && (Object.fromEntries(seen) as Reports);
      };
      return until(calm, { what: "one active and every instance fit", withinMs }).catch((error: Error) => {
        throw new Error(`${error.message}; last seen ${JSON.stringify(seen.map(inShort))}`);
      });
    },
    pidOf: (what) => pidBelow(child.pid ?? 0, what),
  };
}

const isCalm = (reports: (Report | null)[]): boolean =>
  reports.every(
    (report) =>
      report?.fit &&
      !report.diverted &&
      report.verdict.kind === "healthy" &&
      report.bytes === "approved" &&
      report.goldens === "proven",
  ) && reports.filter((report) => report?.role === "active").length === 1;

const inShort = ([id, report]: [string, Report | null]) =>
  report && {
    id,
    role: report.role,
    verdict: report.verdict.kind,
    goldens: report.goldens,
    bytes: report.bytes,
    fit: report.fit,
    diverted: report.diverted,
  };

function pidBelow(root: number, what: "collector" | { sidecar: string }): number | undefined {
  const app = what === "collector" ? "collector" : "sidecar";
  return processesBelow(root).find(
    ({ args }) =>
      args.some(
        (arg) => arg.includes(`/${app}/`) || arg.endsWith(`/${app}.js`) || arg.endsWith(`/${app}.cjs`),
      ) &&
      (what === "collector" || args[args.indexOf("--instance") + 1] === what.sidecar),
  )?.pid;
}
