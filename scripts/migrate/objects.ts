/** The engine's view and its trigger: made once, and made again together when one of them changes. */

import { same } from "./table-schema.ts"

/** @returns Statements that lead from the objects in force to those wanted; rows that were inserted once stay. */
export function replaceObjects(previous: readonly string[], wanted: readonly string[]): string[] {
  const made = (objects: readonly string[]) => objects.filter((sql) => sql.startsWith("CREATE"))
  const rows = wanted.filter((sql) => !sql.startsWith("CREATE") && !previous.includes(sql))
  if (same(made(previous), made(wanted))) return rows
  const drops = made(previous)
    .toReversed()
    .map((sql) => {
      const [, kind, name] = sql.split(" ")
      return `DROP ${kind} IF EXISTS ${name}`
    })
  return [...drops, ...made(wanted), ...rows]
}
