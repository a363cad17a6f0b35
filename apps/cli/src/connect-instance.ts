import { readFile } from "node:fs/promises";
import { Fault, type Instance } from "@locum/contracts";
import { connect, type ModelServer, type Spoken } from "@locum/serving";
import { readJsonFile } from "./read-json-file.ts";

type Place = Pick<Instance, "url"> &
  Partial<Spoken> & { ca?: string | undefined; headersFile?: string | undefined };
export type Access = Spoken & { url: string; ca?: string; headers?: Record<string, string> };

/** The model server of an instance, with the authority and the headers that its configuration names. */
export const connectInstance = async (place: Place): Promise<ModelServer> => connect(await accessTo(place));

/** @throws Fault config-invalid | not-found */
export async function accessTo({ url, ca, headersFile, ...place }: Place): Promise<Access> {
  const { protocol, grpc, management, httpJson } = place;
  return {
    url,
    protocol,
    grpc,
    management,
    httpJson,
    ...(ca === undefined ? {} : { ca: await readCa(ca) }),
    ...(headersFile === undefined ? {} : { headers: await readHeaders(headersFile) }),
  };
}

const readCa = (file: string): Promise<string> =>
  readFile(file, "utf8").catch((cause: unknown) => {
    throw new Fault("not-found", `${file} cannot be read: ${(cause as Error).message}`, {
      hint: "ca names a PEM file of the authority that signed the server's certificate.",
      cause,
    });
  });

async function readHeaders(file: string): Promise<Record<string, string>> {
  const value = await readJsonFile(file, { flag: "headersFile", bytesMax: 65_536 });
  const isHeaders =
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string");
  if (!isHeaders)
    // What is in the file must not be quoted: it holds credentials.
    throw new Fault("config-invalid", `${file}: expected one JSON object of header names and texts`);
  return value as Record<string, string>;
}
