import { Address, Fault } from "@locum/contracts";

/** Where a model server keeps its other APIs, from the flags of `detect` and `init`. */
export type Places = { grpc?: string; management?: string };

/** @throws Fault usage */
export function readPlaces({
  "upstream-grpc": grpc,
  management,
}: {
  "upstream-grpc"?: string | undefined;
  management?: string | undefined;
}): Places {
  if (grpc !== undefined && !Address.safeParse(grpc).success)
    throw new Fault("usage", `--upstream-grpc ${grpc}: expected host:port`);
  if (management !== undefined && !(URL.canParse(management) && /^https?:/.test(management)))
    throw new Fault("usage", `--management ${management}: expected an http or https URL`);
  return { ...(grpc === undefined ? {} : { grpc }), ...(management === undefined ? {} : { management }) };
}
