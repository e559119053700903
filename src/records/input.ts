/** Bodies of writes, checked field by field against the table, the collection and the caller. */

import type { Collection } from "../access/model.ts"
import { visibleColumns } from "../access/visibility.ts"
import type { Caller } from "../core/caller.ts"
import { jsonPointer, type ProblemDetail, validationFailed } from "../core/problem.ts"
import type { Column } from "../schema/columns.ts"
import { fieldSchema } from "../schema/field-schema.ts"
import { RECORD_COLUMNS } from "../schema/record-columns.ts"
import { type Stored, toStored } from "../schema/values.ts"
import { isId } from "./read.ts"

export interface Field {
  readonly column: Column
  readonly stored: Stored
}

export interface Input {
  /** Fields to write. */
  readonly writes: readonly Field[]
  /** Fields that the caller may not write, which must equal what is stored. Only a replacement takes them. */
  readonly equals: readonly Field[]
}

export type InputMode = "create" | "update" | "replace"

/** @throws SelvedgeError `validation_failed` with a pointer for each field that is wrong. */
export function readInput(collection: Collection, caller: Caller, mode: InputMode, body: unknown): Input {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw validationFailed([{ pointer: "", code: "invalid_type", message: "must be a JSON object" }])
  }
  const visible = visibleColumns(collection, caller)
  const errors: ProblemDetail[] = []
  const writes: Field[] = []
  const equals: Field[] = []
  for (const [key, value] of Object.entries(body)) {
    const pointer = jsonPointer([key])
    const column = visible.find((candidate) => candidate.key === key)
    if (!column) {
      errors.push({ pointer, code: "unknown_field", message: "there is no such field" })
      continue
    }
    const fault = writeFault(collection, caller, mode, column)
    if (fault && mode !== "replace") errors.push({ pointer, ...fault })
    else {
      const field = readField(collection, column, value, fault !== undefined)
      if (Array.isArray(field))
        errors.push(...field.map((issue) => ({ ...issue, pointer: pointer + (issue.pointer ?? "") })))
      else if (fault) equals.push(field)
      else writes.push(field)
    }
  }
  if (errors.length > 0) throw validationFailed(errors)
  return { writes, equals }
}

type Fault = { code: string; message: string; pointer?: string }

/** Why the caller may not write the field; undefined when it may. */
export function writeFault(collection: Collection, caller: Caller, mode: InputMode, column: Column): Fault | undefined {
  const readOnly = { code: "read_only", message: "is set by the server" }
  if (column.generated) return readOnly
  if (RECORD_COLUMNS.includes(column.key as never))
    return column.key === "id" && mode === "create" ? undefined : readOnly
  if (caller.kind === "service") return undefined
  if (collection.stamps.has(column.key)) return readOnly
  const options = collection.fields.get(column.key)
  if (options?.write && !options.write(caller)) return { code: "read_only", message: "may not be written by you" }
  if (options?.immutable && mode !== "create") return { code: "immutable", message: "can't be changed once it is set" }
  return undefined
}

/** @param comparedOnly A value that is only compared with the stored one needn't meet the rules of new input. */
function readField(collection: Collection, column: Column, value: unknown, comparedOnly: boolean): Field | Fault[] {
  if (value === null) {
    if (column.nullable) return { column, stored: null }
    return [{ code: "invalid_type", message: "must not be null" }]
  }
  let checked: unknown = value
  if (column.key === "id" && !(typeof value === "string" && isId(value))) {
    return [{ code: "invalid_format", message: "must be a UUID in lower case" }]
  }
  if (!comparedOnly) {
    const parsed = (collection.input.get(column.key)?.() ?? fieldSchema(column)).safeParse(value)
    if (!parsed.success) {
      return parsed.error.issues.map((issue) => ({
        code: issue.code,
        message: issue.message,
        pointer: jsonPointer(issue.path),
      }))
    }
    checked = parsed.data
  }
  const result = toStored(column, checked)
  if (column.kind === "timestamp" && "stored" in result && !Number.isInteger(result.stored)) {
    return [{ code: "invalid_format", message: "must be a whole second" }]
  }
  if ("fault" in result)
    return [{ code: column.kind === "timestamp" ? "invalid_format" : "invalid_type", message: result.fault }]
  return { column, stored: result.stored }
}
