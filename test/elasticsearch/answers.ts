/** What a server answers. A string is sent as it is, anything else as JSON. */
export type Answer = { status: number; body: unknown; headers?: Record<string, string> };

export const ok = (body: unknown): Answer => ({ status: 200, body });

export function failed(
  status: number,
  type: string,
  reason: string,
  more: Record<string, unknown> = {},
): Answer {
  const cause = { type, reason, ...more };
  return { status, body: { error: { root_cause: [cause], ...cause }, status } };
}

export const noSuchIndex = (name: string): Answer =>
  failed(404, "index_not_found_exception", `no such index [${name}]`, {
    "resource.type": "index_or_alias",
    "resource.id": name,
    index_uuid: "_na_",
    index: name,
  });

export const noHandler = (method: string, path: string): Answer => ({
  status: 400,
  body: { error: `no handler found for uri [${path}] and method [${method}]` },
});
