/** The values of one statement. Placeholders are numbered, so that one value can stand in several places. */

import { type Column, quote } from "../schema/columns.ts"
import { placeholderFor, type Stored } from "../schema/values.ts"

/** D1 allows 100 bound parameters in a statement. */
const MOST_PARAMETERS = 100

export class Bindings {
  readonly #added: Stored[] = []
  #aliases = 0

  /** As D1 takes them. When there are too many, the last one is a JSON list of all that find no place. */
  get values(): Stored[] {
    if (this.#added.length < MOST_PARAMETERS) return this.#added
    const listed = this.#added.slice(MOST_PARAMETERS - 1)
    return [...this.#added.slice(0, MOST_PARAMETERS - 1), JSON.stringify(listed)]
  }

  /** @returns The placeholder: the same one for the same value, since a rule may stand in a statement three times. */
  add(value: Stored): string {
    const known = this.#added.indexOf(value)
    const place = known >= 0 ? known : this.#added.push(value) - 1
    return place < MOST_PARAMETERS - 1 ? `?${place + 1}` : listedSql(place - (MOST_PARAMETERS - 1), value)
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

/** JSON writes large doubles as whole numbers, rounded in decimal: they are themselves again only as REAL. */
function listedSql(index: number, value: Stored): string {
  const element = `(?${MOST_PARAMETERS}->>${index})`
  return typeof value === "number" && !Number.isSafeInteger(value) ? `CAST(${element} AS REAL)` : element
}

export function ref(alias: string, column: Column): string {
  return `${alias}.${quote(column.name)}`
}
