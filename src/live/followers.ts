/** The queries that follow changes: those with one view are evaluated once, and a change finds those that it may concern. */

import { all } from "../access/filter.ts"
import type { Change, ChangeRow } from "../core/change.ts"
import { type Anchor, anchorsOf } from "./anchors.ts"
import { evaluate, type RecordText, recordText } from "./evaluate.ts"
import type { LivePlan, ViewChange } from "./plan.ts"
import { projectionText } from "./view.ts"

/** What a change means to all subscribers of one view. */
export interface GroupChange<S> {
  readonly plan: LivePlan
  /** Changes with later subscriptions: copy it to keep it. */
  readonly subscribers: ReadonlySet<S>
  readonly viewChange: ViewChange
}

interface Group<S> {
  readonly plan: LivePlan
  readonly subscribers: Set<S>
  /** Names the form of its records. */
  readonly form: string
  /** Where it stands in the index; undefined: it is asked of every change. */
  readonly anchors: readonly Anchor[] | undefined
}

/** The groups of one table: all, those of each value of a column, by the column's SQL name, and the unbound rest. */
interface TableIndex<S> {
  readonly groups: Set<Group<S>>
  readonly columns: Map<string, Map<unknown, Set<Group<S>>>>
  readonly rest: Set<Group<S>>
}

/** A subscriber takes part in a view once. */
export class Followers<S> {
  readonly #groups = new Map<string, Group<S>>()
  readonly #tables = new Map<string, TableIndex<S>>()

  /** How many different views there are. */
  get size(): number {
    return this.#groups.size
  }

  /** @throws TypeError for a query that has to be run again. */
  add(plan: LivePlan, subscriber: S): void {
    if (!plan.follows) throw new TypeError("the query goes through relations: no change says what becomes of it")
    const group = this.#groups.get(plan.view) ?? this.#create(plan)
    group.subscribers.add(subscriber)
  }

  remove(plan: LivePlan, subscriber: S): void {
    const group = this.#groups.get(plan.view)
    if (group?.subscribers.delete(subscriber) && group.subscribers.size === 0) this.#drop(group)
  }

  /** Who subscribes to the plan's view. */
  subscribersOf(plan: LivePlan): ReadonlySet<S> {
    return this.#groups.get(plan.view)?.subscribers ?? new Set()
  }

  /** Everybody who follows the table, by its SQL name; whoever follows it in several views comes several times. */
  *ofTable(table: string): Iterable<S> {
    for (const { subscribers } of this.#tables.get(table)?.groups ?? []) yield* subscribers
  }

  /**
   * Whom the change concerns, and how.
   *
   * @param failed Told of those for whom that can't be found out; the others go on.
   */
  changed(change: Change, failed: (subscribers: ReadonlySet<S>) => void = () => {}): GroupChange<S>[] {
    const index = this.#tables.get(change.table)
    if (!index) return []
    const changes: GroupChange<S>[] = []
    const texts = new Map<string, RecordText>()
    for (const { plan, subscribers, form } of concerned(index, change)) {
      try {
        const viewChange = evaluate(plan, change, entry(texts, form, eachOnce))
        if (viewChange) changes.push({ plan, subscribers, viewChange })
      } catch {
        failed(subscribers)
      }
    }
    return changes
  }

  #create(plan: LivePlan): Group<S> {
    const index = this.#indexOf(plan.collection.table.name)
    const crowd = ({ column, value }: Anchor) => index.columns.get(column.name)?.get(value)?.size ?? 0
    const anchors = anchorsOf(all([plan.access, plan.filter]), crowd)
    const group = { plan, subscribers: new Set<S>(), form: projectionText(plan.projection), anchors }
    this.#groups.set(plan.view, group)
    index.groups.add(group)
    if (!anchors) index.rest.add(group)
    for (const { column, value } of anchors ?? []) {
      const values = entry(index.columns, column.name, () => new Map<unknown, Set<Group<S>>>())
      entry(values, value, () => new Set<Group<S>>()).add(group)
    }
    return group
  }

  #indexOf(table: string): TableIndex<S> {
    return entry(this.#tables, table, () => ({ groups: new Set(), columns: new Map(), rest: new Set() }))
  }

  #drop(group: Group<S>): void {
    const { plan, anchors } = group
    this.#groups.delete(plan.view)
    const table = plan.collection.table.name
    const { groups: everybody, columns, rest } = this.#indexOf(table)
    everybody.delete(group)
    rest.delete(group)
    for (const { column, value } of anchors ?? []) {
      const values = columns.get(column.name)
      const groups = values?.get(value)
      groups?.delete(group)
      if (groups?.size === 0) values!.delete(value)
      if (values?.size === 0) columns.delete(column.name)
    }
    if (everybody.size === 0) this.#tables.delete(table)
  }
}

/** Those that could match the row before, or the row after. */
function concerned<S>({ columns, rest }: TableIndex<S>, { before, after }: Change): Set<Group<S>> {
  const found = new Set(rest)
  for (const [name, values] of columns) {
    for (const row of [before, after]) {
      if (row) for (const group of values.get(row[name] ?? null) ?? []) found.add(group)
    }
  }
  return found
}

/** Of one change and one form of records. */
function eachOnce(): RecordText {
  const texts = new Map<ChangeRow, string>()
  return (projection, row) => entry(texts, row, () => recordText(projection, row))
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const created = create()
  map.set(key, created)
  return created
}
