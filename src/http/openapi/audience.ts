/** Who may call an operation, found out by asking its access rule. */

import { probes } from "../../access/check-rules.ts"
import type { Action } from "../../access/collection.ts"
import type { AnyRule, Collection } from "../../access/model.ts"
import { nobody } from "../../access/rules.ts"
import { accessFilter, visibleColumns } from "../../access/visibility.ts"
import { ANONYMOUS, type Caller } from "../../core/caller.ts"
import { writeFault } from "../../records/input.ts"
import type { Column } from "../../schema/columns.ts"

/** The document is public: it shows what a signed-in user without any role sees. */
export const READER: Caller = { kind: "user", id: "00000000-0000-7000-8000-000000000000", roles: [] }

type Security = Readonly<Record<string, readonly string[]>>
type Reach = "all" | "some" | "none"

export interface Audience {
  readonly anonymous: Reach
  readonly reader: Reach
  /** OpenAPI's `security`: one of these is enough; an empty one lets the anonymous in. */
  readonly security: readonly Security[]
  /** One sentence. */
  readonly sentence: string
}

/** Undefined when no caller at all may do it, only the service. */
export function audienceOf(collection: Collection, action: Action): Audience | undefined {
  const rule = collection.access[action]
  if (!rule || rule === nobody) return undefined
  return describe(rule, (caller) => {
    const filter = accessFilter(collection, action, caller)
    return filter.type === "constant" ? (filter.value ? "all" : "none") : "some"
  })
}

/** Whoever may create or update may replace. */
export function replaceAudience(collection: Collection): Audience | undefined {
  const [create, update] = [audienceOf(collection, "create"), audienceOf(collection, "update")]
  if (!create || !update) return create ?? update
  const either = (a: Reach, b: Reach): Reach => (a === b ? a : "some")
  const sets = [...create.security, ...update.security]
  const widest = sets.filter((set) => !set.bearer).length > 0 ? [{}, { bearer: [] }] : sets.filter(isOpen).slice(0, 1)
  return {
    anonymous: either(create.anonymous, update.anonymous),
    reader: either(create.reader, update.reader),
    security: widest.length > 0 ? widest : unique(sets),
    sentence: `Creating: ${create.sentence} Replacing: ${update.sentence}`,
  }
}

export function routeAudience(rule: (caller: Caller) => boolean): Audience {
  return describe(rule, (caller) => (rule(caller) ? "all" : "none"))
}

/** Whether the answer may be 403. A rule that is a filter makes lists shorter and hides records, but forbids writes. */
export function mayForbid(action: "read" | "write", { anonymous, reader }: Audience): boolean {
  return reader === "none" || (action === "write" && (reader === "some" || anonymous === "some"))
}

/** The columns that stand in the document. */
export function shownColumns(collection: Collection): readonly Column[] {
  return visibleColumns(collection, READER)
}

/** Whether any caller may write the column. */
export function isWritable(collection: Collection, mode: "create" | "update" | "replace", column: Column): boolean {
  const rule = collection.fields.get(column.key)?.write
  const callers = rule ? probes(rule) : [READER]
  return callers.some((caller) => !writeFault(collection, caller, mode, column))
}

function describe(rule: AnyRule, reach: (caller: Caller) => Reach): Audience {
  const [anonymous, reader] = [reach(ANONYMOUS), reach(READER)]
  const within = (own: Reach) => (own === "some" ? ", for the records that the access rules name" : "")
  if (anonymous !== "none") {
    return { anonymous, reader, security: [{}, { bearer: [] }], sentence: `For anyone${within(anonymous)}.` }
  }
  if (reader !== "none") {
    return { anonymous, reader, security: [{ bearer: [] }], sentence: `For signed-in callers${within(reader)}.` }
  }
  const held = probes(rule).filter((caller) => caller.roles.length > 0 && reach(caller) !== "none")
  const single = held.filter((caller) => caller.roles.length === 1)
  const sets = (single.length > 0 ? single : held).map((caller) => caller.roles)
  if (sets.length === 0) {
    const sentence = "For callers with a right of their own."
    return { anonymous, reader, security: [{ bearer: [] }], sentence }
  }
  const names = sets.map((roles) => roles.map((name) => `\`${name}\``).join(" and ")).join(" or ")
  return {
    anonymous,
    reader,
    security: sets.map((roles) => ({ bearer: roles })),
    sentence: `For callers with the role ${names}.`,
  }
}

function isOpen(set: Security): boolean {
  return set.bearer?.length === 0
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
}
