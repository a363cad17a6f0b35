import { type OpenAPIHono, OpenAPIHono as OpenApiApp, type RouteConfig } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import { Fault } from "../fault.ts";
import { faultTable } from "../fault-table.ts";
import { type Routes, routes } from "../routes.ts";
import { apiRoles, type TokenRole } from "./describe-route.ts";
import { limitBody } from "./limit-body.ts";

export { limitBody };

export type Caller = {
  name: string;
  role: TokenRole;
  /** Whose token it is, where that is declared: records then hold a commitment instead of a name. */
  person?: string;
};

type Json<C> = C extends { "application/json": { schema: infer S extends z.ZodType } } ? S : never;
type Part<R, P extends string> = R extends { request: { [K in P]: infer S extends z.ZodType } }
  ? z.output<S>
  : Record<never, never>;
type Body<R> = R extends { request: { body: { content: infer C } } } ? z.output<Json<C>> : undefined;
type Answer<R> = R extends { responses: { 200: { content: infer C } } | { 202: { content: infer C } } }
  ? [Json<C>] extends [never]
    ? Response
    : z.input<Json<C>> | Response
  : Response;

/** What a handler gets: everything checked, nothing of HTTP. `caller` is null on open routes. */
export type ApiRequest<R> = {
  params: Part<R, "params">;
  query: Part<R, "query">;
  headers: Part<R, "headers">;
  body: Body<R>;
  caller: Caller | null;
  signal: AbortSignal;
};
export type Handler<R> = (request: ApiRequest<R>) => Answer<R> | Promise<Answer<R>>;
/** One handler a route: it returns the answer's value, or throws a Fault. */
export type Handlers = { [K in keyof Routes]: Handler<Routes[K]> };

type Env = { Variables: { caller: Caller | null } };
export type ApiOptions = {
  /** Whose token is in this Authorization header; null for nobody's. */
  authenticate: (authorization: string | undefined) => Caller | null | Promise<Caller | null>;
  /** Told of every error that is no Fault, with what the answer hides. */
  onDefect: (error: unknown) => void;
  bodyBytesMax?: number;
  releaseBytesMax?: number;
};

export const newApp = (): OpenAPIHono<Env> =>
  new OpenApiApp<Env>({
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      const where = [result.target, ...(issue?.path ?? [])].join(".");
      throw new Fault("request-invalid", `${where}: ${issue?.message ?? "wrong shape"}`);
    },
  });

/** Registers every route on `app`: first the token and its role, then the size, then the schema, then the handler. */
export function mount(
  app: OpenAPIHono<Env>,
  handlers: Handlers,
  { authenticate, onDefect, bodyBytesMax = 65_536, releaseBytesMax = 67_108_864 }: ApiOptions,
): OpenAPIHono<Env> {
  for (const [name, route] of Object.entries(routes)) {
    const bytesMax = name === "approveRelease" ? releaseBytesMax : bodyBytesMax;
    const middleware = [authorise(route, authenticate), limitBody(bytesMax)];
    const handler = handlers[name as keyof Handlers] as Handler<unknown>;
    const status = 202 in route.responses ? 202 : 200;
    app.openapi({ ...route, middleware } as RouteConfig, async (context) => {
      const answer = await handler(requestOf(context));
      return answer instanceof Response ? answer : context.json(answer as object, status);
    });
  }
  app.notFound((context) => faultAnswer(context, new Fault("not-found", `no route ${context.req.path}`)));
  app.onError((error, context) => faultAnswer(context, faultOf(error, onDefect)));
  return app;
}

function authorise(route: { security: { bearer: string[] }[] }, authenticate: ApiOptions["authenticate"]) {
  const roles = route.security.flatMap(({ bearer }) => bearer);
  const middleware: MiddlewareHandler<Env> = async (context, next) => {
    const caller = await authenticate(context.req.header("authorization"));
    context.set("caller", caller);
    if (roles.length > 0 && !caller) throw new Fault("not-authenticated", "no valid bearer token");
    if (caller && roles.length > 0 && !roles.some((role) => hasRole(caller, role)))
      throw new Fault(
        "not-authorised",
        `${caller.name} has the role ${caller.role}, not ${roles.join(" or ")}`,
      );
    await next();
  };
  return middleware;
}

/** Roles of people contain those before them; the sidecar's role contains none and is contained in none. */
export function hasRole(caller: Caller, role: string): boolean {
  const ranks: readonly string[] = apiRoles;
  return caller.role === role || (ranks.includes(role) && ranks.indexOf(caller.role) > ranks.indexOf(role));
}

function requestOf(context: Context<Env>): ApiRequest<unknown> {
  // The validators that the route declares have run; what it does not declare is absent.
  const valid = (target: string) => context.req.valid(target as never) as never;
  return {
    params: valid("param"),
    query: valid("query"),
    headers: valid("header"),
    body: valid("json"),
    caller: context.get("caller"),
    signal: context.req.raw.signal,
  };
}

function faultOf(error: unknown, onDefect: ApiOptions["onDefect"]): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof HTTPException)
    return new Fault("request-invalid", error.message || "the body could not be read");
  onDefect(error);
  return new Fault("internal", "an unexpected error; the collector's log has it");
}

function faultAnswer(context: Context, fault: Fault): Response {
  if (fault.code === "not-authenticated") context.header("WWW-Authenticate", "Bearer");
  return context.json(fault.toJSON(), faultTable[fault.code].http);
}
