/** How deep JSON from outside may be nested. */

export const MOST_JSON_DEPTH = 32

export function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false
  if (depth === 0) return true
  for (const item of Object.values(value)) if (isDeeper(item, depth - 1)) return true
  return false
}
