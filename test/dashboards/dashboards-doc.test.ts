import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml } from "@locum/contracts/yaml";
import { type Dashboard, dashboards, isAuditSource } from "@locum/dashboards";
import { kibanaRules } from "@locum/dashboards/write";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const file = join(root, "docs/dashboards.md");
const text = readFileSync(file, "utf8");

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

const titles = ({ panels }: Dashboard, isDrawn: (source: Dashboard["panels"][number]["source"]) => boolean) =>
  panels
    .filter(({ source }) => isDrawn(source))
    .map(({ title }) => title)
    .join("; ");

const dashboardTable = table(
  ["dashboard", "answers", "drawn everywhere", "drawn by Grafana and the collector's pages", "not shown yet"],
  dashboards.map((dashboard) => [
    `${dashboard.title} (\`locum-${dashboard.id}\`)`,
    dashboard.about,
    titles(dashboard, isAuditSource),
    titles(dashboard, ({ kind }) => kind === "metric"),
    dashboard.missing ?? "",
  ]),
);

function alertTable(): string {
  const rules = parseYaml(readFileSync(join(root, "deploy/prometheus/locum.rules.yml"), "utf8"), {
    bytesMax: 100_000,
  });
  if ("problems" in rules) throw new Error(JSON.stringify(rules.problems));
  const { groups } = rules.value as {
    groups: {
      rules: {
        alert: string;
        for?: string;
        labels: { severity: string };
        annotations: { description: string };
      }[];
    }[];
  };
  return table(
    ["alert", "severity", "after", "what it means"],
    groups.flatMap(({ rules: alerts }) =>
      alerts.map(({ alert, for: after = "at once", labels, annotations }) => [
        `\`${alert}\``,
        labels.severity,
        after,
        annotations.description,
      ]),
    ),
  );
}

const put = (into: string, mark: string, body: string): string =>
  into.replace(
    new RegExp(`<!-- ${mark} -->[^]*<!-- /${mark} -->`),
    () => `<!-- ${mark} -->\n\n${body}\n\n<!-- /${mark} -->`,
  );

test("docs/dashboards.md has the tables that model and rules make", () => {
  const meant = put(put(text, "dashboards", dashboardTable), "alerts", alertTable());
  if (process.env.LOCUM_UPDATE === "1") writeFileSync(file, meant);
  expect(readFileSync(file, "utf8")).toBe(meant);
});

test("docs/dashboards.md names every alert rule of Kibana", () => {
  for (const { id } of kibanaRules()) expect(text).toContain(`\`${id}\``);
});
