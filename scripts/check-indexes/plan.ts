/** What EXPLAIN QUERY PLAN says of a statement: how each table is reached, and what is sorted. */

/** One line; `parent` is the id of the line that it stands under, 0 for none. */
export interface PlanRow {
  readonly id: number
  readonly parent: number
  readonly detail: string
}

/** How the rows of one table are reached. */
export interface Access {
  readonly line: string
  /** The table's alias in the statement. */
  readonly alias: string
  /** Every row, or every entry of an index. */
  readonly scan: boolean
  /** Undefined for the table itself, and for an index that lives as long as the statement. */
  readonly index: string | undefined
  /** SQL names of the columns that the index is searched by for equality. */
  readonly equal: readonly string[]
}

/** A sort of rows that no index holds in order. */
export interface TemporarySort {
  readonly line: string
  /** How the rows that are sorted are reached: more than once where an `or` takes several indexes. */
  readonly of: readonly Access[]
}

export interface Plan {
  readonly accesses: readonly Access[]
  readonly sorts: readonly TemporarySort[]
}

const ACCESS = /^(SCAN|SEARCH) (t\d*)(?: EXISTS)?(?: USING (.+?))?(?: \((.*)\))?$/
/** The row's own number, which some tables are searched by. */
export const ROW_NUMBER = "INTEGER PRIMARY KEY"
const EQUAL = /([\w$]+)=\?/g
const SORT = /^USE TEMP B-TREE/

/** Only aliases of the engine's statements count, `t` and `t0`, `t1`, …: other names are subqueries and its own tables. */
export function readPlan(rows: readonly PlanRow[]): Plan {
  const accesses = new Map(
    rows.flatMap((row) => {
      const access = readAccess(row)
      return access ? [[row, access] as const] : []
    }),
  )
  const under = (parent: number) => rows.filter((row) => row.parent === parent)
  /** The first table of a join is the one that is sorted. */
  const outermost = (siblings: readonly PlanRow[]): Access[] => {
    const first = siblings.find((row) => accesses.has(row) || row.detail === "MULTI-INDEX OR")
    if (!first) return []
    return accesses.has(first) ? [accesses.get(first)!] : under(first.id).flatMap((part) => outermost(under(part.id)))
  }
  return {
    accesses: [...accesses.values()],
    sorts: rows
      .filter((row) => SORT.test(row.detail) && !joinsPages(under(row.parent), under))
      .map((row) => ({ line: row.detail, of: outermost(under(row.parent)) })),
  }
}

function readAccess({ detail }: PlanRow): Access | undefined {
  const [, verb, alias, using, terms = ""] = ACCESS.exec(detail) ?? []
  if (!verb || !alias) return undefined
  return {
    line: detail,
    alias,
    scan: verb === "SCAN",
    index: using?.startsWith("AUTOMATIC ") ? undefined : using?.replace(/^(PARTIAL |COVERING )*INDEX /, ""),
    equal: [...terms.matchAll(EQUAL)].map(([, column]) => column!),
  }
}

/**
 * The outer order of a page that is read in several branches, each already in order and no longer than the page: it
 * sorts a few rows by design. The rows come from nowhere but the UNION ALL of these branches.
 */
function joinsPages(siblings: readonly PlanRow[], under: (parent: number) => readonly PlanRow[]): boolean {
  const pages = siblings.find(
    (row) => row.detail.startsWith("CO-ROUTINE ") && under(row.id).some((inner) => inner.detail === "COMPOUND QUERY"),
  )
  if (!pages) return false
  const name = pages.detail.slice("CO-ROUTINE ".length)
  const read = siblings.filter((row) => /^(SCAN|SEARCH|MULTI-INDEX OR)\b/.test(row.detail))
  return read.length === 1 && read[0]!.detail === `SCAN ${name}`
}
