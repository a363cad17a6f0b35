import { connect, type ModelServer, type Spoken } from "@locum/serving";
import type { Target } from "./tap/target.ts";

/** The own model server: what asks it and what requests are sent to, exchanged together while a drill stands between. */
export type Upstream = {
  server(): ModelServer;
  target(): Target;
  /** Puts another place between (a drill), or takes it back with null. */
  redirect(url: string | null): void;
  close(): void;
};

export type UpstreamOptions = Spoken & {
  id: string;
  url: string;
  headers?: Record<string, string> | undefined;
  ca?: string | undefined;
  modelDir?: string | undefined;
};

export function createUpstream({ id, url, headers, ca, ...instance }: UpstreamOptions): Upstream {
  const given = { ...(headers ? { headers } : {}), ...(ca === undefined ? {} : { ca }) };
  const { protocol, grpc, management, httpJson, modelDir } = instance;
  const spoken = { protocol, grpc, management, httpJson, modelDir };
  const own: { server: ModelServer; target: Target } = {
    server: connect({ url, ...given, ...spoken }),
    target: {
      id,
      url: withoutCredentials(url),
      ...(grpc === undefined ? {} : { grpc }),
      hop: "model",
      ...withAuthorization(url, given),
    },
  };
  // What stands between for a drill speaks HTTP/1 only: gRPC goes past it, or the drill would break more than it says.
  const past =
    grpc !== undefined && url.startsWith("http:") ? { grpc, ...withAuthorization(url, given) } : {};
  let between: typeof own | null = null;
  return {
    server: () => (between ?? own).server,
    target: () => (between ?? own).target,
    redirect(other) {
      between?.server.close();
      between =
        other === null
          ? null
          : {
              server: connect({ url: other, ...spoken }),
              target: { id, url: other, hop: "model" as const, ...past },
            };
    },
    close() {
      between?.server.close();
      own.server.close();
    },
  };
}

function withoutCredentials(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/** Credentials in the URL become a header, as they do for everything else that asks this server. */
function withAuthorization<T extends { headers?: Record<string, string> }>(url: string, given: T): T {
  const { username, password } = new URL(url);
  if (username === "") return given;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
  return { ...given, headers: { authorization, ...given.headers } };
}
