import { type Answer, failed, ok } from "./answers.ts";
import { fits, flatSettings, type Store, type Template, type TemplateBody } from "./data-streams.ts";
import { unknownType } from "./mapping.ts";

type Component = { template: TemplateBody } & Record<string, unknown>;

/** `_index_template` and `_component_template`: put, get, delete, each refused as the family refuses it. */
export function answerTemplate(
  store: Store,
  { method, kind, name, body }: { method: string; kind: "index" | "component"; name: string; body: unknown },
): Answer {
  const isIndex = kind === "index";
  const templates: Map<string, object> = isIndex ? store.templates : store.components;
  switch (method) {
    case "PUT":
    case "POST": {
      const problem = isIndex
        ? templateProblem(store, name, body as Template)
        : bodyProblem(store, name, (body as Component).template ?? {});
      if (problem) return problem;
      templates.set(name, body as object);
      return ok({ acknowledged: true });
    }
    case "GET":
    case "HEAD": {
      const found = [...templates].filter(([one]) => name === "" || fits(name, one));
      if (found.length === 0 && !name.includes("*"))
        return failed(
          404,
          "resource_not_found_exception",
          `${isIndex ? "index" : "component"} template matching [${name}] not found`,
        );
      const [list, each] = isIndex
        ? ["index_templates", "index_template"]
        : ["component_templates", "component_template"];
      const told = {
        [list as string]: found.map(([one, template]) => ({ name: one, [each as string]: template })),
      };
      // Of a pattern that fits none the list is empty, and the status the same.
      return { status: found.length === 0 && name !== "" ? 404 : 200, body: told };
    }
    case "DELETE": {
      if (!templates.has(name))
        return failed(
          404,
          `${isIndex ? "index_template" : "resource"}_missing_exception`,
          `${kind}_template [${name}] missing`,
        );
      const users = isIndex
        ? store.family === "opensearch-3"
          ? []
          : [...store.streams.values()]
              .filter(({ template }) => template === name)
              .map((stream) => stream.name)
        : [...store.templates].filter(([, one]) => one.composed_of?.includes(name)).map(([one]) => one);
      if (users.length > 0)
        return failed(400, "illegal_argument_exception", `[${name}] is still in use by ${users.join(", ")}`);
      templates.delete(name);
      return ok({ acknowledged: true });
    }
    default:
      return failed(405, "illegal_argument_exception", `Incorrect HTTP method [${method}]`);
  }
}

function templateProblem(store: Store, name: string, template: Template): Answer | undefined {
  const absent = (template.composed_of ?? []).filter((part) => !store.components.has(part));
  const ignored = (template.ignore_missing_component_templates as string[] | undefined) ?? [];
  const missing = absent.filter((part) => !ignored.includes(part));
  if (missing.length > 0)
    return failed(
      400,
      "invalid_index_template_exception",
      `index_template [${name}] invalid, cause [index template [${name}] specifies component templates [${missing.join(", ")}] that do not exist]`,
    );
  if (ignored.length > 0 && store.family === "opensearch-3")
    return failed(400, "x_content_parse_exception", "unknown field [ignore_missing_component_templates]");
  return bodyProblem(store, name, template.template ?? {});
}

function bodyProblem({ traits, family }: Store, name: string, body: TemplateBody): Answer | undefined {
  const unknown = Object.keys(body).find((field) => !traits.templateFields.includes(field));
  if (unknown) return failed(400, "x_content_parse_exception", `[1:1] [template] unknown field [${unknown}]`);
  // Lifecycle management is a module that the stripped servers do not have.
  if (Object.keys(flatSettings(body.settings ?? {})).some((key) => /^(index\.)?lifecycle\./.test(key)))
    return failed(
      400,
      family === "opensearch-3" ? "settings_exception" : "invalid_index_template_exception",
      "unknown setting [index.lifecycle.name] please check that any required plugins are installed",
    );
  const type = unknownType(body.mappings ?? {}, traits);
  if (type)
    return failed(
      400,
      "illegal_argument_exception",
      `composable template [${name}] template after composition is invalid: no handler for type [${type.type}] declared on field [${type.field}]`,
    );
  return undefined;
}
