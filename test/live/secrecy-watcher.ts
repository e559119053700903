/** Somebody with a socket or a stream: what it may know, and what it is told. */

import { holds } from "../property/reference.ts"
import type { Row } from "../property/values.ts"
import { backend } from "./app/backend.ts"
import { type Client, connect } from "./client.ts"
import type { Person } from "./people.ts"
import type { DrawnRule } from "./secrecy-commands.ts"

export type Table = "cards" | "reviews"

/** Who it is, and the rules that it has had, the newest last. */
export interface Account {
  /** Undefined for the anonymous caller. */
  readonly person: Person | undefined
  readonly rules: DrawnRule[]
  /** How many of the newest may still be in force. */
  inForce: number
}

interface Right {
  readonly account: Account
  /** Those of a key. */
  readonly scopes?: readonly string[]
}

export class Watcher {
  readonly name: string
  token: string | undefined
  client: Client | undefined
  /** The last step in which a mark could be read. */
  readonly seen = new Map<string, number>()
  /** The step of the oldest change that it may be told. */
  since = 1
  /** What a stream has told. */
  readonly texts: string[] = []
  readonly #queries = new Map<string, { readonly collection: string; readonly query: object }>()
  readonly #seqs = new Map<string, string>()
  #rights: Right[]
  #taken = 0

  constructor(name: string, account: Account) {
    this.name = name
    this.token = account.person?.token
    this.#rights = [{ account }]
  }

  get account(): Account {
    return this.#rights.at(-1)!.account
  }

  become(token: string, right: Right): void {
    this.token = token
    this.#rights.push(right)
    this.client?.send({ type: "auth", token })
  }

  /** Whoever it was before it is no more. */
  settle(): void {
    this.#rights = this.#rights.slice(-1)
  }

  async come(since: (last: string) => string | undefined): Promise<void> {
    this.client = await connect(this.token === undefined ? {} : { token: this.token })
    this.#taken = 0
    for (const [id, { collection, query }] of this.#queries) {
      const last = this.#seqs.get(id)
      const from = last === undefined ? undefined : since(last)
      this.client.send({ type: "query", id, collection, query, ...(from !== undefined && { since: from }) })
    }
  }

  async leave(): Promise<void> {
    await this.client?.close()
    this.client = undefined
  }

  watch(id: string, collection: string, query: object): void {
    this.#queries.set(id, { collection, query })
    this.#seqs.delete(id)
    this.client?.send({ type: "query", id, collection, query })
  }

  /** What has come since the last look. */
  take(): string[] {
    const messages = this.client?.messages.slice(this.#taken) ?? []
    this.#taken += messages.length
    for (const { type, id, seq } of messages)
      if (type === "snapshot" || type === "change") this.#seqs.set(id, seq as string)
    return [...this.texts.splice(0), ...messages.map((message) => JSON.stringify(message))]
  }

  /** @returns Which parts of a row it may know at this moment. */
  sight(table: Table, row: Row, boards: readonly Row[]): { readonly open: boolean; readonly secret: boolean } {
    const sights = this.#rights.flatMap(({ account, scopes }) => {
      if (scopes && !scopes.includes(`${table}:read`)) return []
      if (table === "reviews") return [{ open: !row.hidden || row.authorId === account.person?.id, secret: false }]
      // what it comes back to after a while is told as the rules are then
      const rules = this.client || this.name === "stream" ? account.rules.slice(-account.inForce) : account.rules
      return rules.map(({ rule, seesSecrets }) => ({ open: isOpen(rule, row, boards), secret: seesSecrets }))
    })
    return { open: sights.some(({ open }) => open), secret: sights.some(({ open, secret }) => open && secret) }
  }
}

function isOpen(rule: boolean | object, row: Row, boards: readonly Row[]): boolean {
  if (typeof rule === "boolean") return rule
  const collection = backend.collections.get("cards")!
  return holds(rule as Row, collection.table, collection, row, {
    tables: new Map([["boards", boards]]),
    sees: () => true,
  })
}
