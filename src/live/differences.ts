/** What has become of a list that was run again. */

import { hashText } from "../core/hash.ts"
import type { ViewChange } from "./plan.ts"

/** A record of a list: JSON text. */
export interface ListedRecord {
  readonly id: string
  readonly json: string
}

/** What to keep of a list, to tell later what has become of it: by the id, the hash of each record. */
export function pictureOf(records: readonly ListedRecord[]): Map<string, string> {
  return new Map(records.map(({ id, json }) => [id, hashText(json)]))
}

/** What is gone comes first, then what is new or differs, in the list's order. */
export function differences(before: ReadonlyMap<string, string>, after: readonly ListedRecord[]): ViewChange[] {
  const now = new Set(after.map(({ id }) => id))
  const removed = [...before.keys()].filter((id) => !now.has(id))
  return [
    ...removed.map((recordId): ViewChange => ({ op: "removed", recordId })),
    ...after.flatMap(({ id, json }): ViewChange[] => {
      const known = before.get(id)
      if (known === hashText(json)) return []
      return [{ op: known === undefined ? "added" : "modified", recordId: id, record: json }]
    }),
  ]
}
