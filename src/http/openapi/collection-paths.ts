/** The paths of one collection. */

import type { Collection } from "../../access/model.ts"
import { EVENT_STREAM } from "../accept.ts"
import { BREAKDOWNS, type HeaderName, headerRefs, type RefusalStatus, refusals } from "./answers.ts"
import { type Audience, audienceOf, isWritable, mayForbid, replaceAudience, shownColumns } from "./audience.ts"
import { isId } from "./column-schemas.ts"
import { type Components, type Json, pascal } from "./components.ts"
import { bodyExample, recordExample } from "./examples.ts"
import { EVENT_STREAM_CONTENT, EVENTS } from "./live-path.ts"
import { listParameters, parameterRef, selectionParameters } from "./parameters.ts"
import { STRICT } from "./prose.ts"
import { createSchema, patchSchema, recordSchemas, replaceSchema, writtenSchema } from "./record-schemas.ts"

const BODY: readonly RefusalStatus[] = [400, 406, 409, 413, 415, 422]

/** Operations that nobody but the service may do are left out. */
export function collectionPaths(collection: Collection, components: Components): Record<string, Json> {
  const create = createOperation(collection, components)
  const list = listOperation(collection, components)
  const one = {
    get: getOperation(collection, components),
    patch: updateOperation(collection, components),
    put: replaceOperation(collection, components),
    delete: deleteOperation(collection),
  }
  const bookmark = parameterRef("bookmark")
  const many = { ...(list && { get: list }), ...(create && { post: create }) }
  const single = Object.fromEntries(Object.entries(one).filter(([, operation]) => operation))
  return {
    ...(Object.keys(many).length > 0 && { [`/v1/${collection.name}`]: { parameters: [bookmark], ...many } }),
    ...(Object.keys(single).length > 0 && {
      [`/v1/${collection.name}/{id}`]: { parameters: [parameterRef("id"), bookmark], ...single },
    }),
  }
}

function listOperation(collection: Collection, components: Components): Json | undefined {
  const audience = audienceOf(collection, "read")
  if (!audience) return undefined
  const { whole, part } = recordSchemas(collection, components)
  const page = components.add(`${pascal(collection.name)}Page`, {
    type: "object",
    description: `A page of \`${collection.name}\`.`,
    properties: { data: { type: "array", items: { anyOf: [whole, part] } }, page: components.ref("Page") },
    required: ["data", "page"],
    additionalProperties: false,
  })
  const record = recordExample(collection)
  const pages = answer(
    "A page of records, or groups when `aggregate` is given.",
    { anyOf: [page, components.ref("Groups")] },
    record && { data: [record], page: { next: null, previous: null } },
    ["ETag", "Link", ...kept(collection)],
  )
  return {
    ...operation(
      collection,
      "list",
      `List ${collection.name}`,
      `The records that the caller may read, page by page.${collection.live ? EVENTS : ""}`,
      audience,
    ),
    parameters: [
      ...listParameters(collection, components),
      parameterRef("ifNoneMatch"),
      ...(collection.live ? [parameterRef("lastEventId")] : []),
    ],
    responses: {
      200: {
        ...pages,
        content: { ...pages.content, ...(collection.live && { [EVENT_STREAM]: EVENT_STREAM_CONTENT }) },
      },
      304: notModified(collection),
      ...refusals([400, 401, ...forbidden("read", audience), 406, ...BREAKDOWNS]),
    },
  }
}

function getOperation(collection: Collection, components: Components): Json | undefined {
  const audience = audienceOf(collection, "read")
  if (!audience) return undefined
  const { whole, part } = recordSchemas(collection, components)
  return {
    ...operation(collection, "get", `Get one of ${collection.name}`, "One record.", audience),
    parameters: [...selectionParameters(collection), parameterRef("ifNoneMatch")],
    responses: {
      200: answer("The record.", { anyOf: [whole, part] }, recordExample(collection), ["ETag", ...kept(collection)]),
      304: notModified(collection),
      ...refusals([400, 401, ...forbidden("read", audience), 404, 406, ...BREAKDOWNS]),
    },
  }
}

function createOperation(collection: Collection, components: Components): Json | undefined {
  const audience = audienceOf(collection, "create")
  if (!audience) return undefined
  const body = newRecordExample(collection, "create")
  return {
    ...operation(
      collection,
      "create",
      `Create one of ${collection.name}`,
      "The server chooses the `id` unless the body has one.",
      audience,
    ),
    parameters: [parameterRef("idempotencyKey")],
    requestBody: requestBody({ "application/json": { schema: createSchema(collection, components), example: body } }),
    responses: {
      201: written("The new record.", collection, components, ["Location"]),
      ...refusals([401, ...forbidden("write", audience), 412, ...BODY, ...BREAKDOWNS]),
    },
  }
}

function updateOperation(collection: Collection, components: Components): Json | undefined {
  const audience = audienceOf(collection, "update")
  if (!audience) return undefined
  const columns = writable(collection, "update").slice(0, 1)
  const content = {
    schema: patchSchema(collection, components),
    example: bodyExample(recordExample(collection), columns),
  }
  return {
    ...operation(
      collection,
      "update",
      `Change one of ${collection.name}`,
      "Fields that are left out stay as they are; a field that holds JSON is replaced whole.",
      audience,
    ),
    parameters: [parameterRef("ifMatch"), parameterRef("idempotencyKey")],
    requestBody: requestBody({ "application/merge-patch+json": content, "application/json": content }),
    responses: {
      200: written("The record as it is now.", collection, components),
      ...refusals([401, ...forbidden("write", audience), 404, 412, ...BODY, ...demanded(collection), ...BREAKDOWNS]),
    },
  }
}

function replaceOperation(collection: Collection, components: Components): Json | undefined {
  const audience = replaceAudience(collection)
  if (!audience) return undefined
  const body = newRecordExample(collection, "replace")
  return {
    ...operation(
      collection,
      "replace",
      `Replace or create one of ${collection.name}`,
      "A fetched record can be sent back as it is.",
      audience,
    ),
    parameters: [parameterRef("ifMatch"), parameterRef("createOnly"), parameterRef("idempotencyKey")],
    requestBody: requestBody({ "application/json": { schema: replaceSchema(collection, components), example: body } }),
    responses: {
      200: written("The record as it is now.", collection, components),
      201: written("The new record.", collection, components, ["Location"]),
      ...refusals([401, 403, 404, 412, ...BODY, ...demanded(collection), ...BREAKDOWNS]),
    },
  }
}

function deleteOperation(collection: Collection): Json | undefined {
  const audience = audienceOf(collection, "delete")
  if (!audience) return undefined
  return {
    ...operation(collection, "delete", `Delete one of ${collection.name}`, "The record is gone for good.", audience),
    parameters: [parameterRef("ifMatch"), parameterRef("idempotencyKey")],
    responses: {
      204: {
        description: "It is gone.",
        headers: headerRefs("X-Request-Id", "Selvedge-Bookmark", "Idempotency-Replayed"),
      },
      ...refusals([
        400,
        401,
        ...forbidden("write", audience),
        404,
        406,
        409,
        412,
        422,
        ...demanded(collection),
        ...BREAKDOWNS,
      ]),
    },
  }
}

function operation(
  collection: Collection,
  verb: string,
  summary: string,
  description: string,
  audience: Audience,
): Json {
  return {
    operationId: `${collection.name}.${verb}`,
    tags: [collection.name],
    summary,
    description: [description, audience.sentence, collection.strict && STRICT].filter(Boolean).join(" "),
    security: audience.security,
  }
}

function forbidden(action: "read" | "write", audience: Audience): RefusalStatus[] {
  return mayForbid(action, audience) ? [403] : []
}

function demanded(collection: Collection): RefusalStatus[] {
  return collection.ifMatchRequired ? [428] : []
}

function writable(collection: Collection, mode: "create" | "update" | "replace") {
  return shownColumns(collection).filter((column) => isWritable(collection, mode, column))
}

/** Without ids that may be left out: the records that they would name aren't there for whoever tries the example. */
function newRecordExample(collection: Collection, mode: "create" | "replace"): Json | undefined {
  const columns = writable(collection, mode).filter(
    (column) => column.key !== "id" && !(column.nullable && isId(collection.table, column)),
  )
  return bodyExample(recordExample(collection), columns)
}

/** What answers say that may be kept. */
function kept({ cache }: Collection): HeaderName[] {
  return cache ? ["Cache-Control", "Age", "Cache-Status"] : []
}

function notModified(collection: Collection): Json {
  return {
    description: "The answer still has the `ETag` of `If-None-Match`.",
    headers: headerRefs("X-Request-Id", "ETag", "Selvedge-Bookmark", ...kept(collection)),
  }
}

/** A record, or `{ id, version }` for whoever may write more than it may read. */
function written(
  description: string,
  collection: Collection,
  components: Components,
  headers: readonly HeaderName[] = [],
): Json {
  const read = audienceOf(collection, "read")
  const all = ["ETag", "Idempotency-Replayed", ...headers] as const
  if (!read) return answer(description, writtenSchema(components), undefined, all)
  const { whole } = recordSchemas(collection, components)
  const schema =
    read.anonymous === "all" && read.reader === "all" ? whole : { anyOf: [whole, writtenSchema(components)] }
  return answer(description, schema, recordExample(collection), all)
}

function answer(description: string, schema: Json, example: unknown, headers: readonly HeaderName[]) {
  return {
    description,
    headers: headerRefs("X-Request-Id", "Selvedge-Bookmark", ...headers),
    content: { "application/json": { schema, ...(example !== undefined && { example }) } },
  }
}

function requestBody(content: Record<string, { schema: Json; example: Json | undefined }>): Json {
  return { required: true, content }
}
