/** Records as TypeScript sees them on the wire. */

import type { InferSelectModel } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"

/** Times, big numbers and bytes travel as text. */
export type WireValue<V> = V extends Date | bigint | Uint8Array ? string : V

type ServerSet = "createdAt" | "updatedAt" | "version"

export type WireRecordOf<T extends SQLiteTable> = {
  [K in keyof InferSelectModel<T>]: WireValue<InferSelectModel<T>[K]>
}

/** What a create takes. Which fields are required is checked when it runs: stamps and defaults fill some in. */
export type CreateInput<T extends SQLiteTable> = {
  [K in Exclude<keyof WireRecordOf<T>, ServerSet>]?: WireRecordOf<T>[K]
}

export type UpdateInput<T extends SQLiteTable> = Omit<CreateInput<T>, "id">
