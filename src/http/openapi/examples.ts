/** Believable values: the first example that a field's zod schema gives, else one that fits its kind and name. */

import type { Collection } from "../../access/model.ts"
import { hashText } from "../../core/hash.ts"
import { type Column, defaultOf } from "../../schema/columns.ts"
import { fieldSchema } from "../../schema/field-schema.ts"
import { type TableModel, tableModel } from "../../schema/table-model.ts"
import { shownColumns } from "./audience.ts"
import { defaultValue, isId } from "./column-schemas.ts"
import type { Json } from "./components.ts"

const TIME = "2026-01-31T12:00:00.000Z"

const TEXTS: readonly [name: RegExp, example: string][] = [
  [/e-?mail$/i, "ada@example.com"],
  [/(url|link|website)$/i, "https://example.com/"],
  [/title$/i, "The Quiet Shore"],
  [/name$/i, "Ada Lovelace"],
  [/^(body|text|description|comment|message|note|summary)$/i, "Better the second time."],
  [/(On|Date)$/, "2026-01-31"],
  [/genre$/i, "Drama"],
  [/city$/i, "Lisbon"],
  [/country$/i, "Portugal"],
  [/currency$/i, "EUR"],
]
const NUMBERS: readonly [name: RegExp, example: number][] = [
  [/^version$/, 1],
  [/year$/i, 1999],
  [/(cents|price|amount)$/i, 1499],
  [/(rating|score)$/i, 8.2],
  [/(stars|quantity)$/i, 4],
  [/(minutes|duration)$/i, 112],
]
const ANY_NUMBERS = [120, 12, 5, 2, 1, 0, 0.5]

/** A record with all the fields that the document shows. Undefined when no value fits one that can't be null. */
export function recordExample(collection: Collection): Json | undefined {
  const example: Json = {}
  for (const column of shownColumns(collection)) {
    const value = valueExample(collection, column)
    if (value === undefined && !column.nullable) return undefined
    example[column.key] = value ?? null
  }
  return example
}

/** The part of a record's example that a body of this schema would hold. */
export function bodyExample(example: Json | undefined, columns: readonly Column[]): Json | undefined {
  return example && Object.fromEntries(columns.map((column) => [column.key, example[column.key]]))
}

function valueExample(collection: Collection, column: Column): unknown {
  const own = collection.input.get(column.key)?.()
  const schema = own ?? fieldSchema(column)
  const given = (own?.meta()?.examples as unknown[] | undefined) ?? []
  return [...given, ...candidates(collection.table, column)].find((value) => schema.safeParse(value).success)
}

function candidates(table: TableModel, column: Column): unknown[] {
  const named = <T>(examples: readonly [RegExp, T][]) =>
    examples.filter(([name]) => name.test(column.key)).map(([, v]) => v)
  switch (column.kind) {
    case "text":
      if (isId(table, column)) return [exampleId(targetOf(table, column) ?? table.name)]
      if (column.choices) return [...column.choices]
      return [...named(TEXTS), `Some ${wordsOf(column.key)}`, "abc", "a", "A", "1"]
    case "integer":
    case "real":
      return [...named(NUMBERS), ...ANY_NUMBERS]
    case "boolean":
      return [defaultValue(column).default ?? false, true, false]
    case "timestamp":
      return [TIME]
    case "bigint":
      return ["9007199254740993", "1"]
    case "blob":
      return ["AAEC"]
    case "json":
      return [...jsonDefault(column), ["one", "two"], [1, 2], [], {}, "text", 1]
  }
}

function jsonDefault(column: Column): unknown[] {
  const standard = column.drizzle.defaultFn ? undefined : defaultOf(column)
  return standard && "value" in standard ? [standard.value] : []
}

/** The same table always gets the same id, so that references in examples lead to examples. */
function exampleId(table: string): string {
  const digits = Number.parseInt(hashText(table), 36).toString(16).padStart(12, "0").slice(-12)
  return `0199aaaa-0000-7000-8000-${digits}`
}

function targetOf(table: TableModel, column: Column): string | undefined {
  const reference = table.references.find((candidate) => candidate.column === column)
  return reference && tableModel(reference.target).name
}

function wordsOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
