import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { join } from "node:path";
import type { SetupPlan } from "@locum/audit/elasticsearch";
import { Fault } from "@locum/contracts";

type Family = SetupPlan["family"];

const files = {
  elasticsearch: "deploy/kibana/dashboards.ndjson",
  opensearch: "deploy/opensearch-dashboards/dashboards.ndjson",
} as const;

/** The saved objects that go with this version, all in one file. @throws Fault not-found */
export async function readDashboards(family: Family, root: string): Promise<string> {
  try {
    return await readFile(join(root, files[family]), "utf8");
  } catch (cause) {
    throw new Fault("not-found", `the dashboards cannot be read: ${(cause as Error).message}`, {
      hint: "Run the set-up from a whole installation, or leave --dashboards out.",
      cause,
    });
  }
}

/**
 * Puts saved objects into Kibana or OpenSearch Dashboards, over those of the same id: an import can be repeated. Gives
 * how many were taken.
 * @throws Fault upstream-unreachable | upstream-refused | not-authenticated | not-authorised
 */
export async function importDashboards(
  url: string,
  {
    family,
    objects,
    authorization,
    ca,
    timeoutMs = 60_000,
  }: {
    family: Family;
    /** NDJSON. */
    objects: string;
    authorization?: string | undefined;
    ca?: string | undefined;
    timeoutMs?: number;
  },
): Promise<number> {
  const boundary = `locum${randomBytes(12).toString("hex")}`;
  const { status, body } = await post(`${url}/api/saved_objects/_import?overwrite=true`, {
    headers: {
      // Either product refuses a write without its own header, so that no page of another site can make one.
      [family === "opensearch" ? "osd-xsrf" : "kbn-xsrf"]: "true",
      "content-type": `multipart/form-data; boundary=${boundary}`,
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="dashboards.ndjson"\r\ncontent-type: application/x-ndjson\r\n\r\n${objects}\r\n--${boundary}--\r\n`,
    ca,
    timeoutMs,
  });
  return taken({ status, body, what: `the dashboards at ${url}` });
}

type ImportAnswer = {
  success?: boolean;
  successCount?: number;
  errors?: { id?: string; type?: string; error?: { type?: string } }[];
  message?: string;
};

/** A status of 200 says little: what was not taken is in the body. */
function taken({ status, body, what }: { status: number; body: string; what: string }): number {
  const answer = parse(body);
  if (status === 401 || status === 403)
    throw new Fault(status === 401 ? "not-authenticated" : "not-authorised", `${what}: ${status}`, {
      hint: "The key needs the right to manage saved objects there.",
    });
  const { success, successCount, errors = [], message } = answer ?? {};
  if (status === 200 && success === true && typeof successCount === "number") return successCount;
  const first = errors[0];
  const why = first
    ? `${first.type} ${first.id}: ${first.error?.type} (${errors.length} not taken)`
    : (message ?? `status ${status}`);
  throw new Fault("upstream-refused", `${what}: ${why.slice(0, 500)}`, {
    hint: "Is this the address of Kibana 8.19 or newer, or of OpenSearch Dashboards 3, with its base path?",
  });
}

function parse(body: string): ImportAnswer | null {
  try {
    return JSON.parse(body) as ImportAnswer | null;
  } catch {
    return null;
  }
}

const answerBytesMax = 8_388_608;

function post(
  url: string,
  options: { headers: Record<string, string>; body: string; ca: string | undefined; timeoutMs: number },
): Promise<{ status: number; body: string }> {
  const { headers, body, ca, timeoutMs } = options;
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const fail = (error: Error): void =>
    reject(
      new Fault("upstream-unreachable", `${new URL(url).origin}: ${error.message}`, {
        hint: "Is Kibana or OpenSearch Dashboards running at this URL, and is its certificate trusted?",
        cause: error,
      }),
    );
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = request(url, { method: "POST", headers, signal, ...(ca ? { ca } : {}) }, (answer) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    answer.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > answerBytesMax) answer.destroy(new Error(`an answer of more than ${answerBytesMax} bytes`));
      else pieces.push(piece);
    });
    answer.on("end", () =>
      resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces).toString() }),
    );
    answer.on("error", fail);
  });
  sent.on("error", fail);
  sent.end(body);
  return promise;
}
