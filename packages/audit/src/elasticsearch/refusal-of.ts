import { Fault } from "@locum/contracts";
import type { ServerAnswer } from "./open-elasticsearch.ts";
import { reasonOf } from "./reason-of.ts";

/** What a server's refusal of a request of the set-up is to a person. */
export function refusalOf(answer: ServerAnswer, what: string): Fault {
  const detail = `${what}: ${reasonOf(answer)}`;
  if (answer.status === 401)
    return new Fault("not-authenticated", detail, {
      hint: "Give an API key or a user that may set it up: --api-key-file, --user-file.",
    });
  if (answer.status === 403)
    return new Fault("not-authorised", detail, {
      hint: "The set-up needs the cluster privileges monitor, manage_index_templates, manage_ilm and manage_pipeline, and view_index_metadata and manage on logs-locum.*.",
    });
  return new Fault("upstream-refused", detail, {
    hint: "Nothing is half done: what was put there stands, and the set-up can be run again.",
  });
}
