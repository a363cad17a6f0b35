import type { ConnectOptions } from "../connect.ts";
import type { ModelServer } from "../model-server.ts";
import { connectOipV2Grpc } from "../oip-v2-grpc/adapter.ts";
import {
  encodeMessage,
  type ScriptedCall,
  type ScriptedGrpc,
  startScriptedGrpc,
} from "./scripted-grpc-server.ts";

export type GrpcRig = {
  readonly server: ScriptedGrpc;
  readonly one: ModelServer;
  listen(...script: Parameters<typeof startScriptedGrpc>): Promise<ScriptedGrpc>;
  connect(options: Omit<ConnectOptions, "protocol">): ModelServer;
  /** Both: a scripted server, and the adapter beside it. */
  at(script: Record<string, ScriptedCall>, options?: { answerBytesMax?: number }): Promise<ModelServer>;
  close(): void;
};

/** For tests: the scripted server and the adapter of the running test. `close` after each one. */
export function grpcRig(): GrpcRig {
  let server: ScriptedGrpc | undefined;
  let one: ModelServer | undefined;
  const started = <T>(it: T | undefined): T => {
    if (it === undefined) throw new Error("not started");
    return it;
  };
  const rig: GrpcRig = {
    get server() {
      return started(server);
    },
    get one() {
      return started(one);
    },
    async listen(...script) {
      server = await startScriptedGrpc(...script);
      return server;
    },
    connect(options) {
      one = connectOipV2Grpc(options);
      return one;
    },
    async at(script, options = {}) {
      const { address } = await rig.listen(script);
      // Nobody listens on the HTTP side.
      return rig.connect({ url: "http://127.0.0.1:9", grpc: address, ...options });
    },
    close() {
      one?.close();
      server?.close();
    },
  };
  return rig;
}

export const serverNamed = (name: string) => () => encodeMessage("ServerMetadata", { name, version: "1" });
export const asking = { inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] };
export const output = { name: "y", datatype: "FP32", shape: [1], contents: { fp32_contents: [1] } };
export const goodAnswer = () => encodeMessage("Answer", { outputs: [output] });
