/** A world of cards, boards and people who watch them, in which the commands of a story happen. */

import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { expect, vi } from "vitest"
import { rolesFor } from "./app/rules.ts"
import { type Client, connect, type Message } from "./client.ts"
import { losePushesToHubs } from "./lost-calls.ts"
import { BOARDS, type Command, type DrawnCard, type DrawnQuery, SELF, type Story } from "./model-commands.ts"
import { create, evict, fed, list, newPerson, type Person, remove, tokenOf, update } from "./people.ts"
import { Picture, sortById } from "./picture.ts"

const LONGEST_REST_MS = 10_000

interface Watched {
  readonly query: Message
  /** Of the list that it is to equal. */
  readonly path: string
  readonly picture: Picture
}

interface Watcher {
  readonly person: Person
  /** With the roles that the account has now. */
  token: string
  seesSecrets: boolean
  /** Undefined while it is away. */
  client: Client | undefined
  readonly watched: Map<string, Watched>
}

export class World {
  readonly #watchers: Watcher[] = []
  readonly #cards: string[] = []
  readonly #boards: string[] = []

  static async begin({ people, queries, cards }: Story): Promise<World> {
    await env.DB.batch(["cards", "boards"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
    const world = new World()
    for (let n = 0; n < BOARDS; n++) world.#boards.push((await create("boards", { name: `${n}`, open: n === 0 })).id)
    for (const { rule, seesSecrets } of people) {
      const person = await newPerson()
      const watcher: Watcher = { person, token: person.token, seesSecrets, client: undefined, watched: new Map() }
      world.#watchers.push(watcher)
      await giveRule(watcher, rule, seesSecrets)
    }
    for (const card of cards) await world.happen({ kind: "create", card })
    for (const [n, watcher] of world.#watchers.entries()) {
      await back(watcher, false)
      watch(watcher, "1", queries[n]!)
    }
    return world
  }

  async happen(command: Command): Promise<void> {
    switch (command.kind) {
      case "create":
        this.#cards.push((await create("cards", this.#cardOf(command.card))).id)
        return
      case "update": {
        const id = pick(this.#cards, command.which)
        if (id !== undefined) await update("cards", id, this.#cardOf(command.card))
        return
      }
      case "remove": {
        const id = take(this.#cards, command.which)
        if (id !== undefined) await remove("cards", id)
        return
      }
      case "board": {
        const id = pick(this.#boards, command.which)
        if (id !== undefined) await update("boards", id, { open: command.open, name: newId() })
        return
      }
      case "removeBoard": {
        const id = take(this.#boards, command.which)
        if (id !== undefined) await remove("boards", id)
        return
      }
      case "flood":
        return this.#flood(command.count, command.card)
      case "query":
        return watch(pick(this.#watchers, command.which)!, command.id, command.query)
      case "leave": {
        const { client, watched } = pick(this.#watchers, command.which)!
        if (watched.delete(command.id)) client?.send({ type: "leave", id: command.id })
        return
      }
      case "drop": {
        const watcher = pick(this.#watchers, command.which)!
        await watcher.client?.close()
        watcher.client = undefined
        return
      }
      case "return":
        return back(pick(this.#watchers, command.which)!, command.isMixedUp)
      case "rule":
        return giveRule(pick(this.#watchers, command.which)!, command.rule, command.seesSecrets)
      case "hibernate":
        return evict("HUB", "hibernate")
      case "restart":
        return this.#restart()
      case "lose":
        losePushesToHubs(command.fates)
        return
      case "evict":
        return evict(command.object)
    }
  }

  /** Until every watcher that is there holds what its lists give. */
  async rest(): Promise<void> {
    await fed()
    for (const { client, token, watched } of this.#watchers) {
      if (!client) continue
      for (const [id, { path, picture }] of watched) {
        const wanted = sortById(await list(path, token))
        const where = `query ${id}, ${decodeURIComponent(path)}: ${JSON.stringify(client.messages.slice(-5))}`
        await vi.waitFor(() => expect(picture.sorted(), where).toEqual(wanted), {
          timeout: LONGEST_REST_MS,
          interval: 10,
        })
        expect(picture.faults, where).toEqual([])
      }
    }
  }

  async end(): Promise<void> {
    for (const { client } of this.#watchers) await client?.close()
  }

  /** Everybody who was away is there again in the end. */
  async gather(): Promise<void> {
    for (const watcher of this.#watchers) if (!watcher.client) await back(watcher, false)
  }

  #cardOf({ owner, board, ...rest }: DrawnCard): object {
    return {
      ...rest,
      ...(owner !== undefined && { ownerId: this.#watchers[owner]?.person.id ?? null }),
      ...(board !== undefined && { boardId: this.#boards[board] ?? null }),
    }
  }

  /** Many rows in one batch, past the API. */
  async #flood(count: number, { rank = 1, owner = 0, done = false }: DrawnCard): Promise<void> {
    const ids = Array.from({ length: count }, newId)
    const ownerId = this.#watchers[owner]?.person.id ?? null
    const insert = env.DB.prepare(
      "INSERT INTO cards (id, created_at, updated_at, title, rank, owner_id, done) VALUES (?, 0, 0, 'a', ?, ?, ?)",
    )
    await env.DB.batch(ids.map((id) => insert.bind(id, rank, ownerId, done ? 1 : 0)))
    const gone = ids.splice(0, Math.floor(count / 2))
    await env.DB.batch(gone.map((id) => env.DB.prepare("DELETE FROM cards WHERE id = ?").bind(id)))
    this.#cards.push(...ids)
  }

  /** The hub ends, and with it every connection; all come back. */
  async #restart(): Promise<void> {
    await evict("HUB", "close")
    for (const watcher of this.#watchers) {
      if (!watcher.client) continue
      await watcher.client.close()
      watcher.client = undefined
      await back(watcher, false)
    }
  }
}

function watch(watcher: Watcher, id: string, drawn: DrawnQuery): void {
  const { person, client, watched } = watcher
  const filter = JSON.parse(JSON.stringify(drawn.filter).replaceAll(`"${SELF}"`, `"${person.id}"`)) as object
  const { fields, expand } = drawn
  const query = { filter, limit: 1_000, ...(fields && { fields }), ...(expand && { expand }) }
  const search = new URLSearchParams({
    filter: JSON.stringify(filter),
    ...(fields && { fields }),
    ...(expand && { expand }),
  })
  const picture = new Picture(true)
  watched.set(id, { query, path: `/v1/cards?${search}`, picture })
  client?.adopt(id, picture)
  client?.send({ type: "query", id, collection: "cards", query })
}

/** @param isMixedUp Goes on from places that belong to other queries. */
async function back(watcher: Watcher, isMixedUp: boolean): Promise<void> {
  if (watcher.client) return
  const client = await connect({ token: watcher.token })
  watcher.client = client
  const seqs = [...watcher.watched.values()].map(({ picture }) => picture.seq)
  if (isMixedUp) seqs.push(seqs.shift())
  for (const [id, { query, picture }] of watcher.watched) {
    const since = seqs.shift()
    client.adopt(id, picture)
    client.send({ type: "query", id, collection: "cards", query, ...(since !== undefined && { since }) })
  }
}

async function giveRule(watcher: Watcher, drawn: boolean | object, seesSecrets: boolean): Promise<void> {
  const { person } = watcher
  const rule = JSON.parse(JSON.stringify(drawn).replaceAll(`"${SELF}"`, `"${person.id}"`)) as boolean | object
  const roles = rolesFor(rule, seesSecrets)
  watcher.seesSecrets = seesSecrets
  watcher.token = await tokenOf(person, { roles })
  await env.DB.prepare("UPDATE _users SET roles = ? WHERE id = ?").bind(JSON.stringify(roles), person.id).run()
}

function pick<V>(values: readonly V[], which: number): V | undefined {
  return values[which % Math.max(1, values.length)]
}

function take<V>(values: V[], which: number): V | undefined {
  return values.splice(which % Math.max(1, values.length), 1)[0]
}
