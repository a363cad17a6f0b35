import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type Client,
  createClient,
  Fault,
  loadServiceFile,
  type ServiceConfig,
  splitAddress,
} from "@locum/contracts";
import { readJsonFile } from "./read-json-file.ts";

/** Flags of every verb that asks the collector. */
export const collectorFlags = {
  config: { kind: "text", fallback: "locum.yaml", about: "service file" },
  collector: { kind: "text", about: "URL, instead of the one that the service file or locum up tells" },
  "token-file": { kind: "text", about: "tokens, instead of those of the service file" },
} as const;

type Given = {
  config: string;
  collector?: string | undefined;
  "token-file"?: string | undefined;
};
export type Access = { client: Client; url: string; config: ServiceConfig | undefined };

/**
 * The collector of a service. With both flags no service file is read; else it tells where the collector listens, or
 * `locum up`, which runs it on a port that the system chose, has written it beside the tokens.
 * @throws Fault config-unreadable | config-invalid | collector-unreachable | not-authenticated
 */
export async function accessCollector(given: Given): Promise<Access> {
  const whole = given.collector !== undefined && given["token-file"] !== undefined;
  const config = whole ? undefined : await loadServiceFile(given.config);
  const url = given.collector ?? (config && (await urlOf(config)));
  const file = given["token-file"] ?? config?.collector.tokenFile;
  if (url === undefined || file === undefined)
    throw new Fault("collector-unreachable", `${given.config} does not say where the collector listens`, {
      hint: "Start it with locum up, set collector.url, or name it with --collector.",
    });
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Fault("usage", `--collector ${url}: expected an http or https URL`);
  const ca = config?.collector.ca;
  const client = createClient({
    baseUrl: url,
    token: await readToken(file),
    ...(ca === undefined ? {} : { ca: await readFile(ca, "utf8") }),
  });
  return { client, url, config };
}

/** Where `locum up` writes the addresses that it got, for as long as it runs. */
export const upFile = ({ service, collector }: ServiceConfig): string =>
  join(dirname(collector.tokenFile), `${service}.up.json`);

async function urlOf(config: ServiceConfig): Promise<string | undefined> {
  const { url, listen, tls } = config.collector;
  if (url !== undefined) return url;
  const running = await readJsonFile(upFile(config), { flag: "--collector", bytesMax: 1_048_576 }).catch(
    () => undefined,
  );
  const told = (running as { collector?: unknown } | undefined)?.collector;
  if (typeof told === "string") return told;
  return splitAddress(listen).port === 0 ? undefined : `${tls ? "https" : "http"}://${listen}`;
}

const ranks = ["admin", "operator", "viewer"];

/** The token with the most rights that the file has: a person who may read it may use it. */
async function readToken(file: string): Promise<string> {
  const value = await readJsonFile(file, { flag: "--token-file", bytesMax: 1_048_576 }).catch(
    (error: unknown) => {
      const missing = error instanceof Fault && error.code === "not-found";
      throw new Fault("not-authenticated", `${file} ${missing ? "cannot be read" : "is no token file"}`, {
        hint: "The collector writes it at its first start; name it with --token-file.",
      });
    },
  );
  const tokens = (value as { tokens?: unknown } | null)?.tokens;
  const list: { role?: unknown; token?: unknown }[] = Array.isArray(tokens) ? tokens : [];
  for (const role of ranks) {
    const found = list.find((one) => one.role === role);
    if (typeof found?.token === "string") return found.token;
  }
  throw new Fault("not-authenticated", `${file} holds no token of a person's role (${ranks.join(", ")})`);
}
