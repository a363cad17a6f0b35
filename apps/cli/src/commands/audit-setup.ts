import {
  applyRemoval,
  applySetup,
  createKeys,
  removalPlan,
  type SetupPlan,
  setupPlan,
} from "@locum/audit/elasticsearch";
import { CollectorElasticsearch, exitCodes, Fault, faultTable } from "@locum/contracts";
import { accessElasticsearch, elasticsearchFlags } from "../audit/elasticsearch-flags.ts";
import { importDashboards, readDashboards } from "../audit/import-dashboards.ts";
import { openKeyFolder } from "../audit/key-folder.ts";
import { showDifferences, showServer, showSteps } from "../audit/show-setup.ts";
import { defineCommand } from "../command.ts";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";

export const auditSetup = defineCommand({
  usage: "audit setup --elasticsearch URL",
  about:
    "Prepares Elasticsearch or OpenSearch for the copy of the audit log: templates, retention, ingest pipeline. Run again it changes only what is different. With --diff exit 3 where something is.",
  examples: [
    ["locum audit setup --elasticsearch http://127.0.0.1:9200", "what the collector needs there"],
    ["locum audit setup --elasticsearch URL --user-file F --keys .locum", "and its two API keys, in files"],
    ["locum audit setup --elasticsearch URL --dashboards http://127.0.0.1:5601", "and the dashboards"],
    ["locum audit setup --elasticsearch URL --diff", "what is there against what would be"],
    [
      "locum audit setup --elasticsearch URL --uninstall",
      "takes it out again; where documents are, it asks for --data",
    ],
  ],
  flags: {
    ...elasticsearchFlags,
    elasticsearch: { kind: "text", about: "URL of Elasticsearch 8.19 or 9, or of OpenSearch 3" },
    "user-file": { kind: "text", about: "file with USER:PASSWORD, instead of an API key; mode 0600" },
    "dry-run": { kind: "switch", about: "says what would be done, and does nothing" },
    diff: { kind: "switch", about: "says field by field what is different, and does nothing" },
    keys: { kind: "text", about: "folder for the collector's two API keys, which are made; mode 0600" },
    dashboards: {
      kind: "text",
      about: "URL of Kibana or OpenSearch Dashboards, to put the dashboards there",
    },
    uninstall: { kind: "switch", about: "takes the set-up out again" },
    data: { kind: "switch", about: "with --uninstall: deletes the streams and every document as well" },
  },
  async run({ flags, io, out }) {
    const mode = modeOf(flags);
    const namespace = namespaceOf(flags.namespace ?? "default");
    const dashboards = dashboardsOf(flags.dashboards);
    const access = await accessElasticsearch(flags, undefined, io.cwd);
    const call = { ...access, namespace, dashboards, flags, io, out };
    try {
      if (mode === "uninstall") return await takeOut(call);
      const plan = await setupPlan(access.server, { namespace });
      showServer(out, plan);
      if (mode !== "diff") return await putThere(call, plan);
      return showDifferences(out, plan) ? faultTable["objective-missed"].exit : exitCodes.ok;
    } finally {
      await access.server.close();
    }
  },
});

type Call = Awaited<ReturnType<typeof accessElasticsearch>> & {
  /** Where they go. */
  dashboards: string | undefined;
  flags: Modes & { keys?: string | undefined };
  io: Io;
  out: Output;
};

async function putThere(call: Call, plan: SetupPlan): Promise<number> {
  const { server, namespace, dashboards, authorization, ca, flags, io, out } = call;
  const { family, version, lacks } = plan;
  // What could stop it later is looked at before anything is changed.
  if (flags.keys !== undefined && !plan.traits.apiKeys)
    throw new Fault("refused", `${family} ${version} gives out no API keys`, {
      hint: "Leave --keys out: its security is off, or it has keys of another kind.",
    });
  const keys = flags.keys === undefined ? undefined : await openKeyFolder(flags.keys, io);
  const objects = dashboards === undefined ? undefined : await readDashboards(family, io.root);
  if (flags["dry-run"]) {
    showSteps(out, plan, { keys: keys?.files ?? [], dashboards: dashboards ?? null });
    return exitCodes.ok;
  }
  const { changed, same } = await applySetup(server, plan, {
    onStep({ asset, state }) {
      if (state !== "same")
        out.progress(`${state === "absent" ? "made" : "changed"} ${asset.kind} ${asset.name}`);
    },
  });
  const written = keys ? await keys.write(await createKeys(server, { namespace })) : [];
  for (const file of written) out.say(`Wrote ${file}.`);
  let imported = 0;
  if (dashboards !== undefined && objects !== undefined) {
    imported = await importDashboards(dashboards, { family, objects, authorization, ca });
    out.say(`${imported} objects of dashboards are at ${dashboards}.`);
  }
  out.say(
    changed === 0
      ? `Nothing to do: all ${same} are as they should be.`
      : `${changed} put there, ${same} as they should be.`,
  );
  out.summary({ family, version, lacks, changed, same, keys: written, imported });
  return exitCodes.ok;
}

async function takeOut({ server, namespace, flags, out }: Call): Promise<number> {
  const removals = await removalPlan(server, { namespace, data: flags.data });
  const dryRun = flags["dry-run"];
  if (!dryRun) await applyRemoval(server, removals);
  for (const { kind, name } of removals) out.say(`${dryRun ? "would remove" : "removed"} ${kind} ${name}`);
  if (removals.length === 0) out.say("Nothing of the set-up is here.");
  out.summary({ removed: removals.map(({ kind, name }) => ({ kind, name })), dryRun });
  return exitCodes.ok;
}

type Modes = { "dry-run": boolean; diff: boolean; uninstall: boolean; data: boolean };

function modeOf(flags: Modes): "setup" | "dry-run" | "diff" | "uninstall" {
  if (flags.uninstall && flags.diff) throw new Fault("usage", "--uninstall and --diff: expected one of them");
  if (flags.data && !flags.uninstall) throw new Fault("usage", "--data: expected --uninstall with it");
  if (flags.uninstall) return "uninstall";
  if (flags.diff) return "diff";
  return flags["dry-run"] ? "dry-run" : "setup";
}

/** It becomes part of names and of what a key may touch. */
function namespaceOf(text: string): string {
  const found = CollectorElasticsearch.shape.namespace.safeParse(text);
  if (found.success) return found.data;
  throw new Fault("usage", `--namespace ${text}: expected lower case letters, digits, dots and underscores`);
}

function dashboardsOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw new Fault("usage", "--dashboards: expected an http or https URL without user and password", {
      hint: "What --api-key-file or --user-file gives is used there as well.",
    });
  return text.replace(/\/+$/, "");
}
