import type { ServerRequest } from "@locum/audit/elasticsearch";
import type { Family } from "../family.ts";

/**
 * One request and what every server of the family answers to it; fields of the answer that are not named may be
 * anything. The cases are asked in this order, each on what those before left.
 */
export type ContractCase = {
  name: string;
  families?: readonly Family[];
  request: ServerRequest;
  answer: { status: number; body?: unknown };
};
