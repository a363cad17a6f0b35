import type { OpenAPIHono, RouteConfig } from "@hono/zod-openapi";
import { routes } from "../routes.ts";
import { newApp } from "./mount.ts";

type OpenApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** The OpenAPI 3.1 document of the API, from the same routes that validate. openapi.json is held equal to it. */
export function openapiDocument(): OpenApiDocument {
  const app = newApp();
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  for (const route of Object.values(routes)) app.openAPIRegistry.registerPath(route as RouteConfig);
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Locum collector",
      version: "1",
      description: "Disaster recovery for model serving. Sidecars use /v1/stream (docs/stream.md).",
    },
  });
}
