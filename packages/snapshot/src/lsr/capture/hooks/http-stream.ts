import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Fault } from "@locum/contracts";

/**
 * The body of an answer, part by part and as fast as it is taken, over node:http(s): loading fetch would cost ten
 * megabytes. Not retried, not redirected.
 * @throws Fault upstream-unreachable: no answer, or it broke off · upstream-refused: any status but 2xx · upstream-timeout
 */
export async function* httpStream(
  url: string,
  { method, headers, signal }: { method: string; headers: Record<string, string>; signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const where = `${method} ${new URL(url).origin}`;
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = url.startsWith("https:") ? httpsRequest : httpRequest;
      const request = send(
        url,
        { method, headers: { ...headers, "content-length": 0 }, agent: false, signal },
        resolve,
      );
      request.on("error", reject);
      request.end();
    });
    const { statusCode = 0 } = answer;
    if (statusCode < 200 || statusCode > 299) {
      answer.destroy();
      throw new Fault("upstream-refused", `${where}: expected success, found status ${statusCode}`);
    }
    for await (const part of answer) yield part as Buffer;
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (signal.aborted) throw new Fault("upstream-timeout", `${where}: no answer in time`, { cause: error });
    const errno = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new Fault("upstream-unreachable", `${where}: ${errno}`, { cause: error });
  }
}
