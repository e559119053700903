/** The order of a list, kept by the client as the server keeps it. */

import type { ClientRecord } from "../outbox.ts"
import { compareNumerals, compareText, isNumeral } from "./text.ts"

interface Key {
  readonly name: string
  readonly sign: number
  /**
   * Big numbers are text of digits, as a title may be. A key is taken for one of big numbers as long as all its values
   * are such, and a snapshot is in that order.
   */
  isBig: boolean
}

export class Order {
  readonly #keys: readonly Key[]

  /**
   * @param sort Keys as a snapshot names them.
   * @param records In this order.
   */
  constructor(sort: string, records: readonly ClientRecord[]) {
    this.#keys = sort.split(",").map((key) => {
      const isDescending = key.startsWith("-")
      return { name: isDescending ? key.slice(1) : key, sign: isDescending ? -1 : 1, isBig: true }
    })
    records.forEach((record) => {
      this.see(record)
    })
    const isSorted = records.every((record, i) => i === 0 || this.compare(records[i - 1]!, record) <= 0)
    if (!isSorted) for (const key of this.#keys) key.isBig = false
  }

  get names(): readonly string[] {
    return this.#keys.map(({ name }) => name)
  }

  /** Each record that is to be compared is shown first. */
  see(record: ClientRecord): void {
    for (const key of this.#keys) if (!isNumeral(record[key.name] ?? "0")) key.isBig = false
  }

  /** Null is the smallest. */
  readonly compare = (one: ClientRecord, other: ClientRecord): number => {
    for (const { name, sign, isBig } of this.#keys) {
      const difference = compareValues(one[name] ?? null, other[name] ?? null, isBig)
      if (difference !== 0) return sign * difference
    }
    return 0
  }
}

function compareValues(a: unknown, b: unknown, isBig: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  if (typeof a === "string") return isBig ? compareNumerals(a, b as string) : compareText(a, b as string)
  return Number(a) - Number(b)
}
