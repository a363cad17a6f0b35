import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Target } from "../target.ts";

/** Messages are bytes: what they mean is nobody's business here. */
const bytes = { serialize: (it: Buffer) => it, deserialize: (it: Buffer) => it };

/** Calls of every kind. Under `infer.Test` the tap of the tests takes them for inferences that may be repeated. */
export const paths = {
  unary: "/infer.Test/Unary",
  unsafe: "/other.Test/Unary",
  download: "/infer.Test/Download",
  upload: "/other.Test/Upload",
  chat: "/other.Test/Chat",
};

const kindOf = (path: string) => ({
  requestStream: path === paths.upload || path === paths.chat,
  responseStream: path === paths.download || path === paths.chat,
});

const service = (called: string[]): ServiceDefinition =>
  Object.fromEntries(
    called.map((path) => [
      path,
      {
        path,
        ...kindOf(path),
        requestSerialize: bytes.serialize,
        requestDeserialize: bytes.deserialize,
        responseSerialize: bytes.serialize,
        responseDeserialize: bytes.deserialize,
      },
    ]),
  );

export type GrpcHandlers = Partial<Record<keyof typeof paths, UntypedServiceImplementation[string]>>;

export type GrpcServer = { port: number; address: string; server: Server; close(): Promise<void> };

/** A real gRPC server with the calls that are given; the others are unimplemented. */
export async function startGrpc(handlers: GrpcHandlers, port = 0): Promise<GrpcServer> {
  const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  const given = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [paths[name as keyof typeof paths], handler]),
  );
  server.addService(service(Object.keys(given)), given);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, it) =>
      error ? reject(error) : resolve(it),
    );
  });
  return { port: bound, address: `127.0.0.1:${bound}`, server, close: async () => server.forceShutdown() };
}

export const grpcTarget = (
  id: string,
  { address }: { address: string },
  hop: Target["hop"] = "model",
): Target => ({
  id,
  // Nobody listens for HTTP/1 there.
  url: "http://127.0.0.1:9",
  grpc: address,
  hop,
});

/** A client with a channel of its own. */
export function grpcClient(port: number, { retries = false }: { retries?: boolean } = {}): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    // Only the tap sends anything again.
    "grpc.enable_retries": retries ? 1 : 0,
  });
}

export type Said = {
  answer: string | undefined;
  code: number;
  details: string;
  trailers: Metadata;
};

/** One unary call and what became of it. */
export function ask(
  client: Client,
  message: string | Buffer = "x",
  {
    path = paths.unary,
    metadata,
    deadlineMs,
  }: { path?: string; metadata?: Metadata; deadlineMs?: number } = {},
): Promise<Said> {
  return new Promise((resolve) => {
    let answer: string | undefined;
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const call = client.makeUnaryRequest(
      path,
      bytes.serialize,
      bytes.deserialize,
      Buffer.from(message),
      metadata ?? new Metadata(),
      options,
      (_error, it) => {
        answer = it?.toString("latin1");
      },
    );
    // Comes last, with the trailers.
    call.on("status", ({ code, details, metadata: trailers }) =>
      setImmediate(() => resolve({ answer, code, details, trailers })),
    );
  });
}

export const download = (client: Client, message = "x") =>
  client.makeServerStreamRequest(paths.download, bytes.serialize, bytes.deserialize, Buffer.from(message));
export const upload = (client: Client, done: (error: ServiceError | null, answer?: Buffer) => void) =>
  client.makeClientStreamRequest(paths.upload, bytes.serialize, bytes.deserialize, done);
export const chat = (client: Client) =>
  client.makeBidiStreamRequest(paths.chat, bytes.serialize, bytes.deserialize);
