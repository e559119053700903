/** What all clients of a hub have of something together. When it is used up, who has more than a share gets no more. */

import type { Connection } from "./connection.ts"

export interface Bounds {
  readonly most: number
  /** So much is everybody's, however much is used. */
  readonly share: number
}

export class Shared {
  readonly #bounds: Bounds
  readonly #own = new WeakMap<Connection, number>()
  #total = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  get isUsedUp(): boolean {
    return this.#total >= this.#bounds.most
  }

  /** @returns Whether there was room. */
  take(connection: Connection, amount: number): boolean {
    const own = this.#ownOf(connection) + amount
    if (this.#total + amount > this.#bounds.most && own > this.#bounds.share) return false
    this.add(connection, amount)
    return true
  }

  add(connection: Connection, amount: number): void {
    this.#own.set(connection, this.#ownOf(connection) + amount)
    this.#total += amount
  }

  give(connection: Connection, amount: number): void {
    this.add(connection, -amount)
  }

  #ownOf(connection: Connection): number {
    return this.#own.get(connection) ?? 0
  }
}
