/** Rows written past the API: it takes no more than the write. */

import { env } from "cloudflare:workers"
import type { Row } from "../property/values.ts"

export async function insert(table: string, row: Row): Promise<void> {
  const all = { ...row, createdAt: 0, updatedAt: 0 }
  const names = Object.keys(all).map(toSqlName)
  const places = names.map(() => "?").join()
  await env.DB.prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${places})`)
    .bind(...valuesOf(all))
    .run()
}

export async function update(table: string, row: Row): Promise<void> {
  const names = Object.keys(row).map((key) => `${toSqlName(key)} = ?`)
  await env.DB.prepare(`UPDATE ${table} SET ${names.join()} WHERE id = ?`)
    .bind(...valuesOf(row), row.id)
    .run()
}

function toSqlName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function valuesOf(row: Row): unknown[] {
  return Object.values(row).map((value) => {
    if (typeof value === "boolean") return Number(value)
    return Array.isArray(value) ? JSON.stringify(value) : value
  })
}
