import { Client, errors } from "@elastic/elasticsearch";
import SniffingTransport from "@elastic/elasticsearch/lib/sniffingTransport";
import { Fault } from "@locum/contracts";

export type ServerRequest = {
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  path: string;
  query?: Record<string, string | number | boolean>;
  /** JSON. */
  body?: Record<string, unknown>;
  /** NDJSON, a line each, without newlines. */
  lines?: readonly string[];
  timeoutMs?: number;
  signal?: AbortSignal;
};

/** Every status is an answer; `body` is parsed JSON, or a text, or null where there was none. */
export type ServerAnswer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
};

/**
 * One Elasticsearch or OpenSearch. Nothing is tried again and nothing is judged here.
 * @throws Fault upstream-unreachable where no answer came: what was sent may have been done
 */
export type Elasticsearch = {
  request(request: ServerRequest): Promise<ServerAnswer>;
  close(): Promise<void>;
};

type TransportOptions = ConstructorParameters<typeof SniffingTransport>[0];

/**
 * Neither product is asked for its name and none of the vendor's media types is sent: Elasticsearch 8 refuses those of
 * client 9, OpenSearch knows none of them, and the product check throws after the request has been done.
 */
class PlainTransport extends SniffingTransport {
  constructor({ productCheck: _, vendoredHeaders: __, ...options }: TransportOptions) {
    super(options);
  }
}

const answerBytesMax = 67_108_864;

export function openElasticsearch({
  url,
  apiKey,
  ca,
  timeoutMs = 30_000,
}: {
  url: string;
  /** `id:key` in base64, as Elasticsearch gives it out in `encoded`. A user and password may stand in the URL instead. */
  apiKey?: string;
  /** PEM. */
  ca?: string;
  timeoutMs?: number;
}): Elasticsearch {
  const client = new Client({
    node: url,
    ...(apiKey === undefined ? {} : { auth: { apiKey } }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    Transport: PlainTransport,
    maxRetries: 0,
    requestTimeout: timeoutMs,
    enableMetaHeader: false,
    maxResponseSize: answerBytesMax,
  });
  return {
    async request({ method, path, query, body, lines, timeoutMs: own, signal }) {
      try {
        const {
          statusCode,
          headers,
          body: answer,
        } = await client.transport.request(
          {
            method,
            path,
            ...(query ? { querystring: query } : {}),
            ...(body ? { body } : {}),
            ...(lines ? { bulkBody: [...lines] } : {}),
          },
          {
            meta: true,
            ...(own === undefined ? {} : { requestTimeout: own }),
            ...(signal ? { signal } : {}),
          },
        );
        return { status: statusCode ?? 0, headers: headers as ServerAnswer["headers"], body: answer ?? null };
      } catch (error) {
        if (error instanceof errors.ResponseError)
          return {
            status: error.statusCode ?? 0,
            headers: (error.headers ?? {}) as ServerAnswer["headers"],
            body: error.body ?? null,
          };
        // The client's messages name the address without its credentials.
        throw new Fault("upstream-unreachable", `${method} ${path}: ${(error as Error).message}`, {
          hint: "Is Elasticsearch running at this URL, and is its certificate trusted?",
          cause: error,
        });
      }
    },
    close: () => client.close(),
  };
}
