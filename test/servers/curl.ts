import { spawn } from "node:child_process";

export type CurlSaid = {
  exit: number | null;
  status: string;
  version: string;
  headers: Record<string, string>;
  body: string;
};

/** One run of curl. Of the headers, those that a program acts on. */
export function curl(
  args: readonly string[],
  { input, onData = () => undefined }: { input?: Buffer; onData?: (chunk: Buffer) => void } = {},
): Promise<CurlSaid> {
  return new Promise((resolve, reject) => {
    const format = "%{stderr}%{http_code} %{http_version}\n%{header_json}";
    const child = spawn("curl", ["--silent", "--max-time", "60", "--write-out", format, ...args]);
    const [body, told]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => {
      body.push(chunk);
      onData(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => told.push(chunk));
    child.on("error", reject);
    child.on("close", (exit) => {
      const [first = "", ...rest] = Buffer.concat(told).toString().split("\n");
      const [status = "", version = ""] = first.split(" ");
      const all = JSON.parse(rest.join("\n") || "{}") as Record<string, string[]>;
      const headers = Object.fromEntries(
        kept.flatMap((name) => (all[name] ? [[name, all[name].join(", ")]] : [])),
      );
      resolve({ exit, status, version, headers, body: Buffer.concat(body).toString("latin1") });
    });
    // It may be done before it has read all: an answer need not wait for the whole request.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

const kept = [
  "content-type",
  "content-encoding",
  "inference-header-content-length",
  "grpc-status",
  "grpc-message",
];
