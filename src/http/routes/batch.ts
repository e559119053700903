/** `POST /v1/batch`: several writes, all or nothing. */

import type { Hono } from "hono"
import type { Collection, Collections } from "../../access/model.ts"
import { SelvedgeError, validationFailed } from "../../core/problem.ts"
import { noParameters } from "../../query/parameters.ts"
import type { RecordsContext } from "../../records/context.ts"
import { createOperation } from "../../records/create.ts"
import type { Operation, Precondition } from "../../records/operation.ts"
import { removeOperation } from "../../records/remove.ts"
import { replaceOperation } from "../../records/replace.ts"
import { runOperations } from "../../records/run.ts"
import { updateOperation } from "../../records/update.ts"
import { requireAcceptable } from "../accept.ts"
import { readJson } from "../body.ts"
import { readPrecondition } from "../conditions.ts"
import type { AppEnv } from "../context.ts"
import { methodNotAllowed } from "../methods.ts"
import type { LimitMiddleware } from "../middleware/limit.ts"
import type { BatchedWrite } from "../request-charge.ts"
import { confirmCaller } from "../strict.ts"
import { claimOf, writeHeaders } from "./collections.ts"

export const MOST_OPERATIONS = 100
const METHODS = ["POST", "PUT", "PATCH", "DELETE"]
const PATH = /^\/v1\/([A-Za-z][A-Za-z0-9]*)(?:\/([^/?#]+))?$/

export function batchRoute(
  app: Hono<AppEnv>,
  collections: Collections,
  { spendBatch }: Pick<LimitMiddleware, "spendBatch">,
): void {
  app.all("/v1/batch", async (c) => {
    if (c.req.method !== "POST") throw methodNotAllowed(["POST"])
    requireAcceptable(c.req.raw)
    noParameters(c.req.url)
    const state = c.get("state")
    const body = await readJson(c.req.raw)
    const inputs = readOperations(body.json)
    if (inputs.some(({ path }) => collectionAt(collections, path).collection?.strict)) await confirmCaller(c)
    await spendBatch(
      c,
      inputs.flatMap((input) => batchedWrite(collections, input)),
    )
    const operations = inputs.map((operation, index) => {
      try {
        return compile(state.records, collections, operation, index)
      } catch (error) {
        throw error instanceof SelvedgeError ? error.at(index) : error
      }
    })
    const { results, replayed } = await runOperations(
      state.records,
      operations,
      await claimOf(state, c.req.raw, body.text),
    )
    const answers = results.map((result, i) => ({
      status: result.status,
      headers: writeHeaders(operations[i]!.collection, result),
      body: result.record ?? null,
    }))
    return c.json({ results: answers }, 200, replayed ? { "Idempotency-Replayed": "true" } : {})
  })
}

type Input = Record<string, unknown>

function readOperations(body: unknown): Input[] {
  const fault = (pointer: string, message: string, code = "invalid_type") =>
    validationFailed([{ pointer, code, message }])
  if (!isObject(body)) throw fault("", "must be a JSON object")
  const unknown = Object.keys(body).find((key) => key !== "operations")
  if (unknown !== undefined) throw fault(`/${unknown}`, "there is no such field", "unknown_field")
  const { operations } = body
  if (!Array.isArray(operations)) throw fault("/operations", "must be a list")
  if (operations.length < 1 || operations.length > MOST_OPERATIONS) {
    throw fault(
      "/operations",
      `must hold 1 to ${MOST_OPERATIONS} operations`,
      operations.length < 1 ? "too_small" : "too_big",
    )
  }
  return operations.map((operation, i) => {
    const at = `/operations/${i}`
    if (!isObject(operation)) throw fault(at, "must be an object").at(i)
    for (const key of Object.keys(operation)) {
      if (!["method", "path", "headers", "body"].includes(key))
        throw fault(`${at}/${key}`, "there is no such field", "unknown_field").at(i)
    }
    if (!METHODS.includes(operation.method as string))
      throw fault(`${at}/method`, `must be one of ${METHODS.join(", ")}`, "invalid_value").at(i)
    if (typeof operation.path !== "string") throw fault(`${at}/path`, "must be text").at(i)
    return operation
  })
}

/** Nothing for a path that is no collection's: it is refused later. */
function batchedWrite(collections: Collections, { method, path, headers }: Input): BatchedWrite[] {
  const { collection } = collectionAt(collections, path)
  const hasVersion = isObject(headers) && Object.keys(headers).some((name) => name.toLowerCase() === "if-match")
  return collection ? [{ collection: collection.name, method: method as string, hasVersion }] : []
}

function compile(
  context: RecordsContext,
  collections: Collections,
  { method, path, headers, body }: Input,
  index: number,
): Operation {
  const { collection, id } = collectionAt(collections, path)
  if (!collection) throw new SelvedgeError("not_found", `There is no collection at ${path}.`)
  if ((method === "POST") !== (id === undefined)) {
    throw methodNotAllowed(id === undefined ? ["POST"] : ["PUT", "PATCH", "DELETE"])
  }
  const precondition = readConditions(headers, collection.ifMatchRequired && method !== "POST", method === "PUT", index)
  switch (method) {
    case "POST":
      if (precondition.ifMatch) throw new SelvedgeError("precondition_failed", "A new record has no version yet.")
      return createOperation(context, collection, body)
    case "PATCH":
      return updateOperation(context, collection, id!, body, precondition)
    case "PUT":
      return replaceOperation(context, collection, id!, body, precondition)
    default:
      return removeOperation(context, collection, id!, precondition)
  }
}

function collectionAt(collections: Collections, path: unknown): { collection: Collection | undefined; id?: string } {
  const [, name, id] = PATH.exec(path as string) ?? []
  return { collection: name === undefined ? undefined : collections.get(name), ...(id !== undefined && { id }) }
}

/** Only `If-Match` and `If-None-Match` are taken. */
function readConditions(input: unknown, required: boolean, mayCreate: boolean, index: number): Precondition {
  const headers = new Headers()
  if (input !== undefined && !isObject(input)) {
    throw validationFailed([
      { pointer: `/operations/${index}/headers`, code: "invalid_type", message: "must be an object" },
    ])
  }
  for (const [name, value] of Object.entries(input ?? {})) {
    if (
      !["if-match", "if-none-match"].includes(name.toLowerCase()) ||
      typeof value !== "string" ||
      !/^[\x20-\x7e]*$/.test(value)
    ) {
      throw validationFailed([
        {
          pointer: `/operations/${index}/headers/${name}`,
          code: "unknown_field",
          message: "only If-Match and If-None-Match, as text",
        },
      ])
    }
    headers.set(name, value)
  }
  return readPrecondition(headers, required, mayCreate)
}

function isObject(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
