/** The values of one statement. Placeholders are numbered, so that one value can stand in several places. */

import type { FilterNode } from "../access/filter.ts"
import { type Column, quote } from "../schema/columns.ts"
import { placeholderFor, type Stored } from "../schema/values.ts"

/** D1 allows 100 bound parameters in a statement. */
export const MOST_PARAMETERS = 100

export class Bindings {
  readonly values: Stored[] = []
  #aliases = 0

  /** @returns The placeholder: the same one for the same value, since a rule may stand in a statement three times. */
  add(value: Stored): string {
    const known = this.values.indexOf(value)
    return `?${known >= 0 ? known + 1 : this.values.push(value)}`
  }

  /** The placeholder of a column's value, converted to its storage class. */
  addFor(column: Column, value: Stored): string {
    return placeholderFor(column, this.add(value))
  }

  /** A table alias that no other level of the statement uses. */
  alias(): string {
    return `t${this.#aliases++}`
  }
}

export function ref(alias: string, column: Column): string {
  return `${alias}.${quote(column.name)}`
}

export function isAlways(filter: FilterNode): boolean {
  return filter.type === "constant" && filter.value
}

export function isNever(filter: FilterNode): boolean {
  return filter.type === "constant" && !filter.value
}
