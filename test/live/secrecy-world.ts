/** Records whose every version bears marks of its own, and watchers who are to be told no mark that they can't read. */

import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { ANONYMOUS } from "../../src/core/caller.ts"
import { wait } from "../../src/core/wait.ts"
import type { Row } from "../property/values.ts"
import { rolesFor } from "./app/rules.ts"
import { worker } from "./client.ts"
import { SELF } from "./model-commands.ts"
import { call, evict, fed, newPerson, type Person } from "./people.ts"
import type { Command, DrawnRecord, DrawnRule, Story } from "./secrecy-commands.ts"
import { insert, update } from "./secrecy-rows.ts"
import { type Account, type Table, Watcher } from "./secrecy-watcher.ts"

/** Queries through relations are run again within this time. */
const SETTLED_MS = 350
const MARK = /~[TS]\d+~/g
const OPEN = [true, false, true]
/** Changes that a forged place reaches back. */
const FORGED = 30

let marks = 0

export class SecrecyWorld {
  readonly #accounts: Account[] = []
  readonly #watchers: Watcher[] = []
  readonly #streams: ReadableStreamDefaultReader<string>[] = []
  readonly #rows: Record<Table, Map<string, Row>> = { cards: new Map(), reviews: new Map() }
  readonly #boards: Row[] = OPEN.map((open) => ({ id: newId(), open }))
  readonly #film = newId()
  #step = 1
  /** What a watcher was told and could not read. */
  readonly leaks: string[] = []
  /** How many marks were told. */
  told = 0

  static async begin(story: Story): Promise<SecrecyWorld> {
    const world = new SecrecyWorld()
    await world.#fill(story)
    const anonymous: Account = { person: undefined, rules: [{ rule: false, seesSecrets: false }], inForce: 1 }
    for (const account of [...world.#accounts, anonymous]) world.#watchers.push(new Watcher("socket", account))
    for (const watcher of world.#watchers) await watcher.come(() => undefined)
    for (const [n, watcher] of world.#watchers.entries()) {
      watcher.watch("cards", "cards", queryOf(story.queries[n]!, watcher))
      watcher.watch("reviews", "reviews", story.isExpanded ? { expand: "film" } : {})
    }
    await world.#listen("/v1/cards", world.#accounts[0]!)
    await world.#listen("/v1/reviews", anonymous)
    world.#observe()
    await world.rest()
    return world
  }

  async happen(command: Command): Promise<void> {
    await this.#do(command, this.#watchers[command.who]!)
    this.#observe()
  }

  async rest(): Promise<void> {
    await fed()
    await wait(SETTLED_MS)
    for (const watcher of this.#watchers) {
      for (const text of watcher.take()) this.#check(watcher, text)
      watcher.settle()
    }
    for (const account of this.#accounts) account.inForce = 1
    this.#step++
    for (const watcher of this.#watchers)
      if (watcher.client || watcher.name === "stream") watcher.since = this.#step - 1
    this.#observe()
  }

  async end(): Promise<void> {
    for (const reader of this.#streams) await reader.cancel()
    for (const watcher of this.#watchers) await watcher.leave()
  }

  async #do(command: Command, watcher: Watcher): Promise<void> {
    switch (command.kind) {
      case "write":
        return this.#write(command.record)
      case "remove":
        return this.#remove(command.table as Table, command.which)
      case "board": {
        const board = this.#boards[command.which]!
        board.open = !board.open
        return update("boards", board)
      }
      case "rule":
        if (watcher.account.person) await giveRule(watcher.account, watcher.account.person, command.rule)
        return
      case "query":
        return watcher.watch(command.id, "cards", queryOf(command.query, watcher))
      case "probe":
        return watcher.watch("probe", "cards", { filter: { secret: { startsWith: "~" } }, fields: "id,secret" })
      case "narrow":
        return narrow(watcher, command.scopes)
      case "arrive": {
        const account = this.#accounts[0]!
        if (watcher.token === undefined && watcher.client) watcher.become(account.person!.token, { account })
        return
      }
      case "drop":
        return watcher.leave()
      case "return":
        return this.#bringBack(command.who, command.since)
      case "hibernate":
        return evict("HUB", "hibernate")
    }
  }

  async #fill({ people, records }: Story): Promise<void> {
    await env.DB.batch(["cards", "reviews", "boards"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
    await insert("films", { id: this.#film, title: "film", margin: "~S0~" })
    for (const board of this.#boards) await insert("boards", { ...board, name: "" })
    for (const rule of people) {
      const person = await newPerson()
      const account: Account = { person, rules: [], inForce: 1 }
      await giveRule(account, person, rule)
      account.inForce = 1
      this.#accounts.push(account)
    }
    for (const record of records) await this.#write(record)
    await fed()
  }

  /** A row is written whole, with marks that none has had. */
  async #write({ table, which, prefix, owner, board, isBare, ...drawn }: DrawnRecord): Promise<void> {
    const rows = this.#rows[table]
    const known = [...rows.keys()][which]
    const id = known ?? newId()
    const n = ++marks
    const ownerId = this.#accounts[owner]?.person?.id ?? null
    const { rank, done, tags, hidden } = drawn
    const [title, secret] = [`${prefix}~T${n}~`, isBare ? null : `~S${n}~`]
    const boardId = this.#boards[board]?.id ?? null
    const row: Row =
      table === "cards"
        ? { id, title, secret, rank, done, tags, ownerId, boardId }
        : { id, body: title, hidden, authorId: ownerId, filmId: this.#film }
    await (known === undefined ? insert : update)(table, row)
    rows.set(id, row)
  }

  async #remove(table: Table, which: number): Promise<void> {
    const id = [...this.#rows[table].keys()][which]
    if (id === undefined) return
    await env.DB.prepare(`DELETE FROM ${table} WHERE id = ?`).bind(id).run()
    this.#rows[table].delete(id)
  }

  async #bringBack(who: number, since: string): Promise<void> {
    const away = this.#watchers.filter(({ client, name }) => !client && name !== "stream")
    const watcher = away[who % away.length]
    if (!watcher) return
    if (since === "none") watcher.since = this.#step
    if (since === "forged") watcher.since = 1
    await watcher.come((last) => (since === "none" ? undefined : since === "forged" ? earlier(last) : last))
  }

  async #listen(path: string, account: Account): Promise<void> {
    const authorization = account.person && { Authorization: `Bearer ${account.person.token}` }
    const headers = { Accept: "text/event-stream", ...authorization }
    const response = await worker.fetch(`http://edge.example${path}`, { headers })
    const watcher = new Watcher("stream", account)
    this.#watchers.push(watcher)
    // one who may read nothing gets a problem
    if (response.status !== 200) return response.text().then((text) => void watcher.texts.push(text))
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    this.#streams.push(reader)
    void keep(reader, watcher.texts)
  }

  #check(watcher: Watcher, text: string): void {
    const faults: string[] = []
    for (const mark of text.match(MARK) ?? []) {
      this.told++
      if ((watcher.seen.get(mark) ?? 0) < watcher.since) faults.push(`${mark} could not be read`)
    }
    if (text.includes(ANONYMOUS.id)) faults.push("the id of the anonymous caller")
    if (/"op":"removed"/.test(text) && /"record":/.test(text)) faults.push("what was removed is told")
    if (faults.length > 0) this.leaks.push(`step ${this.#step}, since ${watcher.since}: ${faults.join()}: ${text}`)
  }

  /** Notes what each watcher may read at this moment. */
  #observe(): void {
    for (const watcher of this.#watchers) {
      for (const table of ["cards", "reviews"] as const) {
        for (const row of this.#rows[table].values()) {
          const { open, secret } = watcher.sight(table, row, this.#boards)
          for (const mark of open ? marksIn(row.title ?? row.body) : []) watcher.seen.set(mark, this.#step)
          for (const mark of secret ? marksIn(row.secret) : []) watcher.seen.set(mark, this.#step)
        }
      }
    }
  }
}

function marksIn(value: unknown): string[] {
  return typeof value === "string" ? (value.match(MARK) ?? []) : []
}

function withSelf<T>(drawn: T, person: Person | undefined): T {
  return JSON.parse(JSON.stringify(drawn).replaceAll(`"${SELF}"`, JSON.stringify(person?.id ?? "nobody"))) as T
}

function queryOf({ filter, fields, expand }: Story["queries"][number], { account }: Watcher): object {
  return { filter: withSelf(filter, account.person), ...(fields && { fields }), ...(expand && { expand }) }
}

async function giveRule(account: Account, person: Person, drawn: DrawnRule): Promise<void> {
  const own = { ...drawn, rule: withSelf(drawn.rule, person) }
  account.rules.push(own)
  account.inForce++
  const roles = JSON.stringify(rolesFor(own.rule, own.seesSecrets))
  await env.DB.prepare("UPDATE _users SET roles = ? WHERE id = ?").bind(roles, person.id).run()
}

/** The same person goes on with a key that may do less. */
async function narrow(watcher: Watcher, scopes: readonly string[]): Promise<void> {
  const { account } = watcher
  if (!account.person || !watcher.client) return
  const { body } = await call("POST", "/v1/auth/keys", account.person.token, { name: "less", scopes })
  watcher.become(body.key, { account, scopes })
}

function earlier(seq: string): string {
  const [epoch, at, seal] = seq.split(".")
  return [epoch, `${Math.max(0, Number(at) - FORGED)}`.padStart(16, "0"), seal].join(".")
}

async function keep(reader: ReadableStreamDefaultReader<string>, texts: string[]): Promise<void> {
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }))
    if (done) return
    const lines = `${rest}${value}`.split("\n")
    rest = lines.pop()!
    texts.push(...lines.filter((line) => line.startsWith("data: ")))
  }
}
