/** The order of a list, kept by the client as the server keeps it. */

import type { ClientRecord } from "../outbox.ts"
import { compareNumerals, compareText, isNumeral } from "./text.ts"

export class Order {
  readonly names: readonly string[]
  readonly #signs: readonly number[]
  /**
   * Big numbers are text of digits, as a title may be. A key is taken for one of big numbers as long as all its values
   * are such, and a snapshot is in that order.
   */
  readonly #isBig: boolean[]

  /**
   * @param sort Keys as a snapshot names them.
   * @param records In this order.
   */
  constructor(sort: string, records: readonly ClientRecord[]) {
    const keys = sort.split(",")
    this.names = keys.map((key) => key.replace(/^-/, ""))
    this.#signs = keys.map((key) => (key.startsWith("-") ? -1 : 1))
    this.#isBig = keys.map((_, i) => records.every((record) => isNumeral(record[this.names[i]!] ?? "0")))
    if (records.some((record, i) => i > 0 && this.compare(records[i - 1]!, record) > 0)) this.#isBig.fill(false)
  }

  /** Each record that is to be compared is shown first. */
  see(record: ClientRecord): void {
    this.names.forEach((name, i) => {
      this.#isBig[i] &&= isNumeral(record[name] ?? "0")
    })
  }

  /** Null is the smallest. */
  readonly compare = (one: ClientRecord, other: ClientRecord): number => {
    const differences = this.names.map(
      (name, i) => this.#signs[i]! * compareValues(one[name] ?? null, other[name] ?? null, this.#isBig[i]!),
    )
    return differences.find(Boolean) ?? 0
  }
}

function compareValues(a: unknown, b: unknown, isBig: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  if (typeof a === "string") return isBig ? compareNumerals(a, b as string) : compareText(a, b as string)
  return Number(a) - Number(b)
}
