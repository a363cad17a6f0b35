import { bulkCases } from "./contract/bulk-cases.ts";
import type { ContractCase } from "./contract/contract-case.ts";
import { rolloverCases } from "./contract/rollover-cases.ts";
import { searchCases } from "./contract/search-cases.ts";
import { templateCases } from "./contract/template-cases.ts";
import { wordsFor } from "./contract/words.ts";
import type { FamilyTraits } from "./family.ts";

/** The contract that the double and the real servers are held to, on a stream that is not there yet. */
export function contractCases(of: { stream: string; traits: FamilyTraits }): ContractCase[] {
  const words = wordsFor(of);
  return [templateCases, bulkCases, searchCases, rolloverCases].flatMap((cases) => cases(words));
}
