import type { z } from "zod";
import { type FaultCode, faultTable } from "../fault-table.ts";
import { FaultAnswer } from "./fault-answer.ts";

/** Roles of people and programs, each with all rights of those before it. `sidecar` stands beside them. */
export const apiRoles = ["viewer", "operator", "admin"] as const;
export type ApiRole = (typeof apiRoles)[number];
export type TokenRole = ApiRole | "sidecar";

/** Who may call a route: OpenAPI 3.1 lets a bearer scheme list the roles that it needs. */
export const needs = (...roles: [TokenRole, ...TokenRole[]]) => ({
  security: roles.map((role) => ({ bearer: [role as string] })),
});

/** Open to everybody who reaches the port: what a load balancer or a kubelet asks. */
export const open = { security: [] };

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

export const text = (contentType: string, schema: z.ZodType, description: string) => ({
  description,
  content: { [contentType]: { schema } },
});

export const body = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { "application/json": { schema } },
});

/** Faults that every route with a token and a validator can answer. */
const always: FaultCode[] = ["not-authenticated", "not-authorised", "request-invalid", "internal"];

/** The error answers of a route, grouped by the status that the table of faults gives each code. */
export function faults(...codes: FaultCode[]) {
  const byStatus = new Map<number, FaultCode[]>();
  for (const code of [...codes, ...always]) {
    const { http } = faultTable[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  const answers = [...byStatus].map(([status, found]) => [
    String(status),
    json(FaultAnswer, found.join(", ")),
  ]);
  return Object.fromEntries(answers) as Record<`${4 | 5}XX`, ReturnType<typeof json<typeof FaultAnswer>>>;
}
