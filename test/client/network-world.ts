/** Writes of one client to a box of its own, what must have become of them, and lists that watch. */

import { setTimeout as wait } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import type { Client, LiveState, Store } from "../../src/client.ts"
import { isProblem } from "../../src/client.ts"

// biome-ignore lint/suspicious/noExplicitAny: records of any query
type Item = any

type Change = Readonly<Record<string, unknown>>
export interface Step {
  readonly kind: string
  readonly n?: number
  readonly ms?: number
  readonly change?: Change
  readonly withVersion?: boolean
  readonly steps?: readonly Step[]
}

/** What a write does to the picture of the box, once it is acknowledged. */
interface Plan {
  readonly stamp: string
  readonly refusal: readonly string[]
  apply(items: Map<string, Item>): void
}

const QUERIES = [
  { sort: "rank,title", limit: 100 },
  { sort: "-rank,-title", limit: 3 },
  { sort: "-createdAt", limit: 5, done: false },
  { sort: "-score,title", limit: 2, rank: { gte: 2 } },
  { sort: "title", limit: 4, fields: ["rank"] },
  { sort: "rank", limit: 4, filter: { or: [{ done: true }, { rank: null }] } },
  { sort: "rank,title", limit: 3, expand: ["box"] },
]
/** Records that are there before, so that lists don't know all. */
const FIRST = 16
const PATIENCE_MS = 10_000

export class World {
  readonly #client: Client
  readonly #clean: Client
  readonly #box: string
  readonly #lists: { query: Item; list: Store<LiveState<Item>>; stop: () => void }[] = []
  /** Ids that were ever given, in their order. */
  readonly #ids: string[] = []
  readonly #items = new Map<string, Item>()
  readonly #theirs = new Map<string, Item>()
  readonly #refused = new Set<string>()
  readonly #answers: Promise<void>[] = []
  #others: Promise<unknown> = Promise.resolve()
  readonly #faults: string[] = []
  #acknowledged = 0
  #stamps = 0

  static async begin(client: Client, clean: Client): Promise<World> {
    const box = await clean.boxes!.create({ name: "box" })
    const first = Array.from({ length: FIRST }, (_, i) => ({ title: `first ${i}`, rank: i % 5, boxId: box.id }))
    const world = new World(
      client,
      clean,
      box.id,
      await clean.batch((to) => first.map((item) => to.items!.create(item))),
    )
    await Promise.race([
      wait(300),
      Promise.all(world.#lists.map(({ list }) => until(() => list.get().status === "live"))),
    ])
    return world
  }

  private constructor(client: Client, clean: Client, box: string, first: readonly Item[]) {
    for (const { id, title, rank, done, score } of first) {
      this.#ids.push(id)
      this.#items.set(id, { id, title, rank, done, score, version: 1 })
    }
    this.#client = client
    this.#clean = clean
    this.#box = box
    for (const one of QUERIES) {
      const query: Item = { ...one, boxId: box }
      const list = client.items!.watch(query) as Store<LiveState<Item>>
      this.#lists.push({ query, list, stop: list.subscribe(() => this.#look(query, list.get())) })
    }
  }

  take(step: Step): void {
    if (step.kind === "somebody else") this.#others = this.#others.then(() => this.#somebodyElse(step))
    else if (step.kind === "batch") this.#batch(step.steps!)
    else {
      const { plan, make } = this.#planOf(step)
      this.#expect([plan], make(this.#client.items))
    }
  }

  /** Every write has its answer. */
  async answered(): Promise<void> {
    await Promise.all([...this.#answers, this.#others])
  }

  /** Promises that were broken, in words. */
  async faults(): Promise<string[]> {
    const { data } = await this.#clean.items!.list({ boxId: this.#box, limit: 100 })
    const [there, promised] = [pictureOf(data), pictureOf([...this.#items.values(), ...this.#theirs.values()])]
    if (!isDeepStrictEqual(there, promised)) this.#fault("the server has", there, "promised was", promised)
    await Promise.all(this.#lists.map(({ query, list }) => this.#compare(query, list)))
    const { pending } = this.#client.status.get()
    if (pending !== 0) this.#fault(`${pending} writes are pending`)
    return this.#faults
  }

  async #compare(query: Item, list: Store<LiveState<Item>>): Promise<void> {
    const page = await this.#clean.items!.list({ ...query, ...(query.fields && { fields: ["id", ...query.fields] }) })
    const isSame = () => isDeepStrictEqual(shown(query, list.get().data), shown(query, page.data))
    await until(isSame).catch(() =>
      this.#fault(JSON.stringify(query), "shows", shown(query, list.get().data), "not", shown(query, page.data)),
    )
  }

  end(): void {
    for (const { stop } of this.#lists) stop()
  }

  #planOf({ kind, n = 0, change = {}, withVersion }: Step): { plan: Plan; make: (to: Item) => Item } {
    const stamp = `stamp ${String(++this.#stamps).padStart(3, "0")}`
    const id = this.#ids[n % Math.max(this.#ids.length, 1)] ?? crypto.randomUUID()
    const values = { ...change, title: stamp }
    const plan = (apply: Plan["apply"], ...refusal: string[]) => ({ stamp, refusal, apply })
    const changed = (items: Map<string, Item>) => {
      const item = items.get(id)
      if (!item) this.#fault(`${stamp} was acknowledged, but ${id} is gone`)
      else items.set(id, { ...item, ...values, version: item.version + 1 })
    }
    const create = (own: object) => {
      const given = crypto.randomUUID()
      const item = { rank: null, done: false, score: null, ...own, id: given, boxId: this.#box }
      return { given, item, sent: { ...own, id: given, boxId: this.#box } }
    }
    switch (kind) {
      case "create": {
        const { given, item, sent } = create(values)
        this.#ids.push(given)
        return { plan: plan((items) => items.set(given, { ...item, version: 1 })), make: (to) => to.create(sent) }
      }
      case "update": {
        const known = this.#lists[0]!.list.get().data.find((item) => item.id === id)
        const target = withVersion && known ? { id, version: known.version } : id
        // somebody else may have moved it on, or it is gone
        return { plan: plan(changed, "not_found", "precondition_failed"), make: (to) => to.update(target, values) }
      }
      case "replace": {
        const all = { rank: null, done: false, score: null, ...values, boxId: this.#box }
        const put = (items: Map<string, Item>) =>
          items.set(id, { ...all, id, version: (items.get(id)?.version ?? 0) + 1 })
        if (!this.#ids.includes(id)) this.#ids.push(id)
        return { plan: plan(put), make: (to) => to.replace(id, all) }
      }
      case "delete":
        return { plan: plan((items) => items.delete(id), "not_found"), make: (to) => to.delete(id) }
      case "empty title": {
        const { sent } = create({ ...values, title: "" })
        return {
          plan: plan(() => this.#fault(`${stamp} was taken`), "validation_failed"),
          make: (to) => to.create(sent),
        }
      }
      case "same code": {
        const { sent } = create({ ...values, boxId: this.#box, code: `taken ${this.#box}` })
        const taken = this.#clean.items!.create({ title: "elsewhere", code: `taken ${this.#box}` })
        this.#others = Promise.all([this.#others, taken.catch(() => undefined)])
        return {
          plan: plan(() => this.#items.set(sent.id, { ...create(values).item, id: sent.id, version: 1 }), "conflict"),
          make: (to) => to.create(sent),
        }
      }
      default: {
        const target = { id, version: 999 }
        const apply = () => this.#fault(`${stamp} was taken`)
        return { plan: plan(apply, "precondition_failed", "not_found"), make: (to) => to.update(target, values) }
      }
    }
  }

  /** Of several writes to one record in a batch the first asks for its version alone. */
  #batch(steps: readonly Step[]): void {
    const planned = steps.filter(({ kind }, i) => i === 0 || kind !== "old version").map((step) => this.#planOf(step))
    this.#expect(
      planned.map(({ plan }) => plan),
      this.#client.batch((to) => planned.map(({ make }) => make(to.items))),
    )
  }

  #expect(plans: readonly Plan[], answer: Promise<unknown>): void {
    const place = this.#answers.length
    this.#answers.push(
      answer.then(
        () => {
          if (this.#acknowledged++ !== place) this.#fault(`${plans[0]!.stamp} was answered before an earlier one`)
          for (const { apply } of plans) apply(this.#items)
        },
        (error: unknown) => {
          this.#acknowledged++
          for (const { stamp } of plans) this.#refused.add(stamp)
          const codes = plans.flatMap(({ refusal }) => refusal)
          if (!isProblem(error, ...codes, "")) this.#fault(`${plans[0]!.stamp} was refused: ${error}`)
        },
      ),
    )
  }

  async #somebodyElse({ n = 0, change = {} }: Step): Promise<void> {
    const values = { ...change, title: `theirs ${n}` }
    const known = [...this.#theirs.values()][n % 3]
    if (!known) {
      const id = crypto.randomUUID()
      this.#theirs.set(id, { rank: null, done: false, score: null, ...values, id, boxId: this.#box, version: 1 })
      await this.#clean.items!.create({ ...values, id, boxId: this.#box })
    } else if (n % 4 === 0) {
      this.#theirs.delete(known.id)
      await this.#clean.items!.delete(known.id)
    } else {
      const { version } = await this.#clean.items!.update(known.id, values)
      this.#theirs.set(known.id, { ...known, ...values, version })
    }
  }

  #look({ limit }: Item, { data, status, problem }: LiveState<Item>): void {
    if (status === "failed") this.#fault(`failed: ${problem}`)
    if (data.length > limit) this.#fault("there are more than the limit")
    if (new Set(data.map(({ id }) => id)).size < data.length) this.#fault("one is there twice")
    for (const { title } of data) if (this.#refused.has(title)) this.#fault(`${title} is shown, which was refused`)
  }

  #fault(...words: unknown[]): void {
    this.#faults.push(words.map((word) => (typeof word === "string" ? word : JSON.stringify(word))).join(" "))
  }
}

function pictureOf(items: readonly Item[]): unknown[] {
  return items
    .map(({ id, title, rank, done, score, version }) => ({ id, title, rank, done, score, version }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

function shown({ fields }: Item, items: readonly Item[]): unknown[] {
  return items.map((item) => (fields ? [item.id, ...fields.map((name: string) => item[name])] : item))
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !isTrue(); await wait(20))
    if (Date.now() > end) throw new Error("not within the time")
}
