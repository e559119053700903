/** The application's own routes. What `endpoint()` was told stands in the document; a plain handler only with its path. */

import type { RouterRoute } from "hono/types"
import * as z from "zod"
import { type EndpointOptions, endpointOptions } from "../endpoint.ts"
import { BREAKDOWNS, headerRefs, type RefusalStatus, refusals } from "./answers.ts"
import { mayForbid, routeAudience } from "./audience.ts"
import { type Components, type Json, pascal } from "./components.ts"
import { parameterRef } from "./parameters.ts"
import { STRICT } from "./prose.ts"
import { zodSchema } from "./zod-schema.ts"

interface Tag {
  readonly name: string
  readonly description: string
  /** Beginnings of the paths under it. */
  readonly paths: readonly string[]
}

/** The first that fits. */
const TAGS: readonly Tag[] = [
  {
    name: "sign-in",
    description: "Accounts, sessions, second factors, passkeys, providers and API keys.",
    paths: ["/v1/auth/", "/.well-known/"],
  },
  { name: "admin", description: "For the role `admin` and the service.", paths: ["/v1/admin/"] },
  { name: "application", description: "What the application does beyond its collections.", paths: ["/"] },
]

/** The tags of these paths, in their order. */
export function routeTags(paths: readonly string[]): Omit<Tag, "paths">[] {
  const names = new Set(paths.map(tagOf))
  return TAGS.filter(({ name }) => names.has(name)).map(({ name, description }) => ({ name, description }))
}

function tagOf(path: string): string {
  return TAGS.find(({ paths }) => paths.some((start) => path.startsWith(start)))!.name
}

type Route = Pick<RouterRoute, "path" | "method" | "handler">

/** Middleware and paths with wildcards, which OpenAPI can't say, are left out. */
export function routePaths(routes: readonly Route[], components: Components): Record<string, Json> {
  const paths: Record<string, Json> = {}
  const names = new Set<string>()
  for (const { path, method, handler } of routes) {
    if (method === "ALL" || path.includes("*")) continue
    const options = endpointOptions(handler)
    const { template, parameters } = readPath(path)
    const known = paths[template]?.[method.toLowerCase() as never]
    if (known && !options) continue
    const operationId = known ? (known as { operationId: string }).operationId : nameOf(method, template, names)
    paths[template] ??= parameters.length > 0 ? { parameters } : {}
    paths[template][method.toLowerCase()] = options
      ? described(operationId, method, template, options, components)
      : plain(operationId, method, template)
  }
  return paths
}

/** `/v1/rooms/:id{[0-9]+}` is `/v1/rooms/{id}`. */
function readPath(path: string): { template: string; parameters: Json[] } {
  const parameters: Json[] = []
  const template = path.replace(
    /:([A-Za-z0-9_]+)(?:\{((?:[^{}]|\{[^{}]*\})*)\})?\??/g,
    (_, name: string, pattern?: string) => {
      const schema = { type: "string", ...(pattern !== undefined && { pattern: `^${pattern}$` }) }
      parameters.push({ name, in: "path", required: true, schema })
      return `{${name}}`
    },
  )
  return { template, parameters }
}

function nameOf(method: string, template: string, names: Set<string>): string {
  const words = template
    .replace(/^\/v1\//, "/")
    .split(/[^A-Za-z0-9{]+/)
    .filter(Boolean)
  const name =
    method.toLowerCase() +
    words
      .map((word) => pascal(word.replace("{", "by ")))
      .join("")
      .replace(/By (.)/g, (_, c: string) => `By${c.toUpperCase()}`)
  let unique = name
  for (let i = 2; names.has(unique); i++) unique = `${name}${i}`
  names.add(unique)
  return unique
}

function described(
  operationId: string,
  method: string,
  template: string,
  options: EndpointOptions,
  components: Components,
): Json {
  const { summary, description, body, ownBody, answer, problems, idempotency, strict } = options
  const sent = body ?? ownBody
  const audience = routeAudience(options.access)
  const name = pascal(operationId)
  const parameters = [
    ...queryParameters(options, `${name}Query`, components),
    ...(idempotency ? [parameterRef(idempotency === "required" ? "idempotencyKeyRequired" : "idempotencyKey")] : []),
  ]
  const isSignIn = tagOf(template) === "sign-in"
  const statuses: RefusalStatus[] = [
    400,
    401,
    ...(mayForbid("write", audience) || isSignIn ? [403 as const] : []),
    ...(template.includes("{") ? [404 as const] : []),
    406,
    ...(method === "GET" ? [] : [409 as const]),
    ...(sent ? [413 as const, 415 as const] : []),
    ...(body || problems?.length || idempotency ? [422 as const] : []),
    ...(idempotency === "required" ? [428 as const] : []),
    ...BREAKDOWNS,
  ]
  const answerSchema = answer.schema ? zodSchema(answer.schema, `${name}Answer`, components) : {}
  return {
    operationId,
    tags: [tagOf(template)],
    summary,
    description: [description, audience.sentence, strict && STRICT, problemsOf(problems)].filter(Boolean).join(" "),
    security: audience.security,
    ...(parameters.length > 0 && { parameters }),
    ...(sent && {
      requestBody: {
        required: !(sent instanceof z.ZodOptional),
        content: bodyContent(method, { schema: zodSchema(sent, `${name}Body`, components) }),
      },
    }),
    responses: {
      [answer.status]: {
        description: answer.description,
        headers: {
          ...headerRefs(
            "X-Request-Id",
            "Selvedge-Bookmark",
            ...(idempotency ? (["Idempotency-Replayed"] as const) : []),
          ),
          ...(answer.status === 302 && { Location: REDIRECT_TARGET }),
        },
        ...(hasBody(answer.status) && { content: { "application/json": { schema: answerSchema } } }),
      },
      ...refusals(statuses),
      default: ANY_PROBLEM,
    },
  }
}

const REDIRECT_TARGET: Json = {
  description: "Where the browser goes next.",
  schema: { type: "string", format: "uri" },
}

function hasBody(status: EndpointOptions["answer"]["status"]): boolean {
  return status !== 204 && status !== 302
}

function bodyContent(method: string, content: Json): Json {
  return { ...(method === "PATCH" && { "application/merge-patch+json": content }), "application/json": content }
}

function plain(operationId: string, method: string, template: string): Json {
  return {
    operationId,
    tags: [tagOf(template)],
    summary: `${method} ${template}`,
    security: [{}, { bearer: [] }],
    responses: { default: { description: "What the application answers." } },
  }
}

const ANY_PROBLEM: Json = {
  description: "Any other refusal.",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
}

function queryParameters({ query }: EndpointOptions, name: string, components: Components): Json[] {
  if (!query) return []
  const schema = zodSchema(query, name, components)
  const required = (schema.required as string[] | undefined) ?? []
  return Object.entries((schema.properties as Record<string, Json> | undefined) ?? {}).map(([key, property]) => ({
    name: key,
    in: "query",
    ...(required.includes(key) && { required: true }),
    schema: property,
  }))
}

function problemsOf(problems: readonly string[] | undefined): string | undefined {
  return problems?.length ? `422 with the codes ${problems.map((code) => `\`${code}\``).join(", ")}.` : undefined
}
