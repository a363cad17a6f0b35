import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";

/**
 * `fetch` that trusts the given authority in addition to none: the built-in fetch cannot be told which one.
 * Knows what the client needs of fetch: method, headers, a text body, a signal, a streamed answer.
 */
export const fetchWithCa =
  (ca: string): typeof fetch =>
  (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const request = url.protocol === "https:" ? requestHttps : requestHttp;
      const sent = request(
        url,
        {
          method: init.method ?? "GET",
          headers: Object.fromEntries(new Headers(init.headers)),
          ca,
          ...(init.signal ? { signal: init.signal } : {}),
        },
        (answer) => {
          const headers = new Headers();
          for (const [name, values] of Object.entries(answer.headersDistinct))
            for (const value of values ?? []) headers.append(name, value);
          const body = Readable.toWeb(answer) as unknown as ReadableStream<Uint8Array>;
          resolve(new Response(body, { status: answer.statusCode ?? 502, headers }));
        },
      );
      sent.on("error", reject);
      sent.end(typeof init.body === "string" ? init.body : undefined);
    });
