import { type Metadata, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import { oipV2Proto } from "../oip-v2-grpc/proto.ts";

/** Bytes of the answer (a list for a stream), a status, or nothing ever. */
export type ScriptedCall = (
  message: Buffer,
  metadata: Metadata,
) => Uint8Array | Uint8Array[] | { code: number; details: string } | "silence";

export type ScriptedGrpc = {
  address: string;
  asked: { call: string; message: Buffer; metadata: Metadata }[];
  close(): void;
};

const service = "/inference.GRPCInferenceService/";
const same = (bytes: Buffer) => bytes;

/** For tests: a gRPC server that gives each call of the script its answer, UNIMPLEMENTED to all else. */
export async function startScriptedGrpc(
  script: Record<string, ScriptedCall>,
  { credentials = ServerCredentials.createInsecure(), address = "127.0.0.1:0" } = {},
): Promise<ScriptedGrpc> {
  const server = new Server();
  const asked: ScriptedGrpc["asked"] = [];
  for (const [call, answer] of Object.entries(script)) {
    const path = call.startsWith("/") ? call : service + call;
    const type = { path, requestStream: true, responseStream: true };
    const codec = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService(
      { [call]: { ...type, ...codec } },
      {
        [call]: (stream: import("@grpc/grpc-js").ServerDuplexStream<Buffer, Buffer>) => {
          stream.on("error", () => undefined);
          stream.on("data", (message: Buffer) => {
            asked.push({ call, message, metadata: stream.metadata });
            const said = answer(message, stream.metadata);
            if (said === "silence") return;
            if ("code" in said) {
              stream.emit("error", said as ServiceError);
              return;
            }
            for (const piece of Array.isArray(said) ? said : [said]) stream.write(Buffer.from(piece));
            stream.end();
          });
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return { address: `127.0.0.1:${port}`, asked, close: () => server.forceShutdown() };
}

/** The answers that Locum reads with a walker of its own, for a library to write. */
const answersProto = `
message Answer {
  message Output {
    string name = 1;
    string datatype = 2;
    repeated int64 shape = 3;
    map<string, Parameter> parameters = 4;
    Contents contents = 5;
  }
  string model_name = 1;
  string model_version = 2;
  string id = 3;
  map<string, Parameter> parameters = 4;
  repeated Output outputs = 5;
  repeated bytes raw_output_contents = 6;
}
message StreamAnswer { string error_message = 1; Answer infer_response = 2; }
message Unpacked { repeated float fp32_contents = 6 [packed=false]; }
`;

const { root } = protobuf.parse(oipV2Proto + answersProto, { keepCase: true });
root.resolveAll();

export function encodeMessage(name: string, value: object): Buffer {
  return Buffer.from(root.lookupType(`inference.${name}`).encode(value).finish());
}

export function decodeMessage(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(`inference.${name}`);
  return type.toObject(type.decode(bytes), { longs: Number });
}

/** A gRPC message with its head. */
export function framed(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
