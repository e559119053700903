/** Sinks that stand at the same place share one read of what follows. */

import type { Query, ResultRow } from "../db/query.ts"
import type { Cursor } from "./cursor.ts"
import { type Page, readPage } from "./page.ts"

export class SharedPages {
  readonly #write: (queries: readonly Query[]) => Promise<ResultRow[][]>
  #last: { readonly place: string; readonly page: Promise<Page | undefined> } | undefined

  constructor(write: (queries: readonly Query[]) => Promise<ResultRow[][]>) {
    this.#write = write
  }

  /** For those who come now, what was read before is too old. */
  forget(): void {
    this.#last = undefined
  }

  read(from: Cursor, most: number): Promise<Page | undefined> {
    const place = JSON.stringify([from.seq, from.at, from.recordId, most])
    if (this.#last?.place === place) return this.#last.page
    const page = readPage(this.#write, from, most)
    const last = { place, page }
    this.#last = last
    page.catch(() => {
      if (this.#last === last) this.forget()
    })
    return page
  }
}
