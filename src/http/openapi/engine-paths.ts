/** The paths that every backend has. */

import type { Collections } from "../../access/model.ts"
import { MOST_OPERATIONS } from "../routes/batch.ts"
import { BREAKDOWNS, headerRefs, refusals } from "./answers.ts"
import type { Components, Json } from "./components.ts"
import { parameterRef } from "./parameters.ts"

export const BATCH_TAG = { name: "batch", description: "Several writes as one: all or nothing." }
export const OPERATIONS_TAG = {
  name: "operations",
  description: "Whether the service runs, the keys that sign its tokens, and this document.",
}

export function batchPath(collections: Collections, components: Components): Record<string, Json> {
  const first = collections.keys().next().value ?? "notes"
  const id = "0199aaaa-0000-7000-8000-000000000000"
  return {
    "/v1/batch": {
      parameters: [parameterRef("bookmark")],
      post: {
        operationId: "batch",
        tags: [BATCH_TAG.name],
        summary: "Write several records, all or none",
        description:
          "Creates, updates, replacements and deletes of records, in order. A refusal is the problem of the operation that failed, with its index in `operation`; nothing has happened then. One `Idempotency-Key` holds for the whole.",
        security: [{}, { bearer: [] }],
        parameters: [parameterRef("idempotencyKey")],
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: components.add("Batch", batchSchema(components)),
              example: {
                operations: [{ method: "DELETE", path: `/v1/${first}/${id}`, headers: { "If-Match": '"3"' } }],
              },
            },
          },
        },
        responses: {
          200: {
            description: "The answers, in the order of the operations.",
            headers: headerRefs("X-Request-Id", "Selvedge-Bookmark", "Idempotency-Replayed"),
            content: {
              "application/json": {
                schema: components.add("BatchResults", RESULTS),
                example: { results: [{ status: 204, headers: {}, body: null }] },
              },
            },
          },
          ...refusals([400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, ...BREAKDOWNS]),
        },
      },
    },
  }
}

export function operationPaths(components: Components): Record<string, Json> {
  const health = components.add("Health", {
    type: "object",
    properties: {
      status: STATE,
      dependencies: {
        type: "object",
        properties: { database: DEPENDENCY, signingKeys: DEPENDENCY, feed: FEED },
        required: ["database", "signingKeys", "feed"],
      },
    },
    required: ["status"],
  })
  const sinks = [{ name: "reactions", lag: 0, failures: 0 }]
  const dependencies = {
    database: { status: "ok" },
    signingKeys: { status: "ok" },
    feed: { status: "ok", sinks },
  }
  return {
    "/health": get("health.live", "Whether the service runs", {
      200: json("It runs.", health, { status: "ok" }),
    }),
    "/health/ready": get("health.ready", "Whether all that the service needs answers", {
      200: json("All of it does.", health, { status: "ok", dependencies }),
      503: json("Something doesn't; `dependencies` says what.", health, {
        status: "unavailable",
        dependencies: { ...dependencies, database: { status: "unavailable" } },
      }),
    }),
    "/.well-known/jwks.json": get(
      "keys.list",
      "The public keys of access tokens (RFC 7517)",
      { 200: json("The keys, so that any service can check tokens by itself.", components.add("KeySet", KEY_SET)) },
      BREAKDOWNS,
    ),
    "/openapi.json": get("openapi", "This document", {
      200: {
        ...json("OpenAPI 3.1.", { type: "object" }),
        headers: headerRefs("X-Request-Id", "ETag", "Cache-Control"),
      },
      304: UNCHANGED,
    }),
    "/docs": get("docs", "This document as a page", {
      200: {
        description: "The page; it needs nothing from other hosts.",
        headers: headerRefs("X-Request-Id", "ETag", "Cache-Control"),
        content: { "text/html": { schema: { type: "string" } } },
      },
      304: UNCHANGED,
    }),
  }
}

const UNCHANGED: Json = {
  description: "It is as it was.",
  headers: headerRefs("X-Request-Id", "ETag", "Cache-Control"),
}

const STATE = { type: "string", enum: ["ok", "unavailable"] }

const DEPENDENCY = { type: "object", properties: { status: STATE }, required: ["status"] }

const FEED = {
  type: "object",
  description: "What is done after each change. `failing`: one of its sinks has failed at least three times in a row.",
  properties: {
    status: { type: "string", enum: ["ok", "failing", "unavailable"] },
    sinks: {
      type: "array",
      items: {
        type: "object",
        properties: {
          name: { type: "string" },
          lag: {
            type: ["integer", "null"],
            description: "Changes that it hasn't taken; null when the database is away.",
          },
          failures: { type: "integer", description: "In a row." },
        },
        required: ["name", "lag", "failures"],
      },
    },
  },
  required: ["status"],
}

const KEY_SET: Json = {
  type: "object",
  properties: {
    keys: {
      type: "array",
      items: { type: "object", properties: { kid: { type: "string" }, kty: { type: "string" } } },
    },
  },
  required: ["keys"],
}

const RESULTS: Json = {
  type: "object",
  properties: {
    results: {
      type: "array",
      items: {
        type: "object",
        properties: {
          status: { type: "integer", enum: [200, 201, 204] },
          headers: { type: "object", additionalProperties: { type: "string" } },
          body: { type: ["object", "null"], description: "What the operation by itself would answer." },
        },
        required: ["status", "headers", "body"],
      },
    },
  },
  required: ["results"],
}

function batchSchema(components: Components): Json {
  const operation = components.add("BatchOperation", {
    type: "object",
    properties: {
      method: { type: "string", enum: ["POST", "PUT", "PATCH", "DELETE"] },
      path: { type: "string", pattern: "^/v1/[A-Za-z][A-Za-z0-9]*(/[^/?#]+)?$" },
      headers: {
        type: "object",
        description: "`If-Match` and `If-None-Match` only.",
        additionalProperties: { type: "string" },
      },
      body: { description: "What the operation by itself would take." },
    },
    required: ["method", "path"],
    additionalProperties: false,
  })
  return {
    type: "object",
    properties: { operations: { type: "array", items: operation, minItems: 1, maxItems: MOST_OPERATIONS } },
    required: ["operations"],
    additionalProperties: false,
  }
}

function get(
  operationId: string,
  summary: string,
  answers: Record<number, Json>,
  more: typeof BREAKDOWNS = [500],
): Json {
  return {
    get: {
      operationId,
      tags: [OPERATIONS_TAG.name],
      summary,
      security: [{}],
      responses: { ...refusals([400, 401, ...more.filter((status) => !(status in answers))]), ...answers },
    },
  }
}

function json(description: string, schema: Json, example?: Json): Json {
  return {
    description,
    headers: headerRefs("X-Request-Id", "Cache-Control", "Selvedge-Bookmark"),
    content: { "application/json": { schema, ...(example && { example }) } },
  }
}
