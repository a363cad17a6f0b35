import { type Answer, failed, ok } from "./answers.ts";
import {
  type BackingIndex,
  type DataStream,
  documentOf,
  type Store,
  storeDocument,
  streamFor,
} from "./data-streams.ts";
import { documentProblem, type Source } from "./mapping.ts";

/** What a script has in mind for an item: it is refused, or goes to the failure store. */
export type ItemFate = { status: number; type: string } | "divert" | undefined;

type Item = Record<string, unknown> & { status: number };
type Action = { op: string; index: string; id: string; line: string };

/** `POST _bulk`: each item by itself, the request as a whole only where its lines cannot be told apart. */
export function answerBulk(
  store: Store,
  {
    lines,
    defaultIndex,
    query,
    fateOf,
    mayWrite,
  }: {
    lines: readonly string[];
    defaultIndex: string | undefined;
    query: URLSearchParams;
    fateOf(index: number, id: string): ItemFate;
    mayWrite(stream: string, options: { makes: boolean }): boolean;
  },
): Answer {
  if (query.has("require_data_stream") && !store.traits.requireDataStream)
    return failed(
      400,
      "illegal_argument_exception",
      "request [/_bulk] contains unrecognized parameter: [require_data_stream] -> did you mean [require_alias]?",
    );
  const actions = readActions(lines, defaultIndex);
  if (!Array.isArray(actions)) return actions;
  const items = actions.map((action, index) => {
    const stream = mayWrite(action.index, { makes: !store.streams.has(action.index) })
      ? streamFor(store, action.index)
      : "forbidden";
    const item =
      stream === "forbidden"
        ? refused(
            action.index,
            action.id,
            403,
            "security_exception",
            `action [indices:data/write/bulk] is unauthorized`,
          )
        : stream === undefined
          ? withoutStream(action, query)
          : write(store, stream, action, fateOf(index, action.id));
    return { [action.op]: item };
  });
  return ok({
    errors: items.some((item) => Object.values(item).some(({ error }) => error !== undefined)),
    took: 1,
    items,
  });
}

const operations = ["create", "index", "update", "delete"];
const idBytesMax = 512;

function readActions(lines: readonly string[], defaultIndex: string | undefined): Action[] | Answer {
  if (lines.length === 0) return failed(400, "parse_exception", "request body is required");
  const actions: Action[] = [];
  for (let at = 0; at < lines.length; ) {
    let head: Record<string, { _index?: string; _id?: string }>;
    try {
      head = JSON.parse(lines[at] ?? "");
    } catch (error) {
      return failed(400, "x_content_e_o_f_exception", (error as Error).message);
    }
    const [op = "", { _index: index = defaultIndex, _id: id } = {}] = Object.entries(head)[0] ?? [];
    if (!operations.includes(op))
      return failed(
        400,
        "illegal_argument_exception",
        `Malformed action/metadata line [${at + 1}], expected field [create], [delete], [index] or [update] but found [${op}]`,
      );
    const line = op === "delete" ? "" : lines[at + 1];
    if (index === undefined || line === undefined)
      return failed(400, "action_request_validation_exception", "Validation Failed: 1: index is missing;");
    if (id !== undefined && Buffer.byteLength(id) > idBytesMax)
      return failed(
        400,
        "action_request_validation_exception",
        `Validation Failed: 1: id [${id}] is too long, must be no longer than 512 bytes but was: ${Buffer.byteLength(id)};`,
      );
    actions.push({
      op,
      index,
      id: id ?? `made-${at}-${Math.trunc(performance.now())}`,
      line,
    });
    at += op === "delete" ? 1 : 2;
  }
  return actions;
}

function write(store: Store, stream: DataStream, { op, index, id, line }: Action, fate: ItemFate): Item {
  if (op !== "create")
    return refused(
      index,
      id,
      400,
      "illegal_argument_exception",
      "only write ops with an op_type of create are allowed in data streams",
    );
  const target = stream.indices.at(-1) as BackingIndex;
  if (target.block !== "none") {
    const [status, cause] =
      target.block === "write"
        ? [403, "[FORBIDDEN/8/index write (api)]"]
        : [
            429,
            "[TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block]",
          ];
    return refused(
      index,
      id,
      status as number,
      "cluster_block_exception",
      `index [${target.name}] blocked by: ${cause};`,
    );
  }
  if (fate !== undefined && fate !== "divert")
    return refused(target.name, id, fate.status, fate.type, `[${id}]: as the script says`);
  let source: Source;
  try {
    source = JSON.parse(line);
  } catch (error) {
    return refused(
      target.name,
      id,
      400,
      store.traits.documentError,
      `failed to parse: ${(error as Error).message}`,
    );
  }
  if (fate === "divert") {
    stream.failures.push(documentOf(store, id, source));
    return { ...created(`.fs-${stream.name}-000001`, id, store.arrivals), failure_store: "used" };
  }
  const problem = documentProblem(source, stream.mapping);
  // An id that is there is found before the document is parsed no earlier than on a real server: parsing comes first.
  if (problem)
    return refused(
      target.name,
      id,
      400,
      store.traits.documentError,
      `${problem} in document with id '${id}'`,
    );
  if (target.documents.has(id))
    return refused(
      target.name,
      id,
      409,
      "version_conflict_engine_exception",
      `[${id}]: version conflict, document already exists (current version [1])`,
    );
  storeDocument(store, target, id, source);
  return created(target.name, id, store.arrivals);
}

function withoutStream({ index, id }: Action, query: URLSearchParams): Item {
  // A real server without a template makes a plain index of the name, which nothing here would ever want.
  const reason = query.has("require_data_stream")
    ? `no such index [${index}] and the index creation request requires a data stream, but no matching index template with data stream template was found for it`
    : `no such index [${index}]`;
  return refused(index, id, 404, "index_not_found_exception", reason);
}

const created = (index: string, id: string, number: number): Item => ({
  _index: index,
  _id: id,
  _version: 1,
  result: "created",
  _shards: { total: 1, successful: 1, failed: 0 },
  _seq_no: number - 1,
  _primary_term: 1,
  status: 201,
});

const refused = (index: string, id: string, status: number, type: string, reason: string): Item => ({
  _index: index,
  _id: id,
  status,
  error: { type, reason },
});
