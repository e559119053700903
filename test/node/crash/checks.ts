/** What must be true when everything has come to rest. Each violation says where to look. */

import type { Receiver } from "./receiver.ts"
import type { Serving } from "./serving.ts"
import type { Writers, Written } from "./writers.ts"

/** Violations of one kind that are told. */
const MOST_TOLD = 5

/** Changes that a reaction is declared for, each beside its job. */
const CHANGES_WITH_JOBS = `SELECT c.seq, c.table_name AS "table", c.record_id AS record, count(j.id) AS jobs FROM _changes c
LEFT JOIN _jobs j ON j.position = c.seq
  AND j.name = iif(c.table_name = 'entries', 'entry-changed', 'tally-changed')
WHERE c.table_name = 'entries' OR (c.table_name = 'tallies' AND c.op = 'update') GROUP BY c.seq`

/** Jobs that aren't of the calendar, which never rests. */
export const OPEN_JOBS = "SELECT count(*) AS open FROM _jobs WHERE finished_at IS NULL AND name <> 'beat'"
export const CHANGES_WITHOUT_JOB = `SELECT count(*) AS missing FROM (${CHANGES_WITH_JOBS}) WHERE jobs = 0`

export async function findViolations({ run }: Serving, writers: Writers, receiver: Receiver): Promise<string[]> {
  const select = async (sql: string) => (await run([sql]))[0]!
  const entries = await select("SELECT id, name, amount, steps, paid FROM entries")
  const [sums] = await select("SELECT sum(purchases) AS purchases, sum(amount) AS amount FROM tallies")
  const [numbers] = await select("SELECT count(*) AS count, min(seq) AS first, max(seq) AS last FROM _changes")
  const jobs = await select(`SELECT id, name, input, state, attempts, claim, due_at AS "dueAt", errors FROM _jobs`)
  const purchases = writers.written.filter(({ kind }) => kind === "purchase")
  const named = (name: string) => jobs.filter((job) => job.name === name)
  const effects = [...receiver.effects.values()]
  const expectedKeys = [
    ...named("charge").map(({ id }) => `${id}:charge`),
    ...named("pack").map(({ id }) => `${id}:pack`),
    ...[...named("entry-changed"), ...named("tally-changed")].map(({ id }) => `${id}:tell`),
  ]
  const ticks = named("beat").map(({ input }) => String(input))
  return [
    ...told("a write got an answer that it should not", writers.refusals),
    ...told("an acknowledged write is not there once and whole", writers.written.filter(isNotOnce(entries))),
    ...told(
      "there is an entry that nobody was told of",
      strangers(
        entries.map(({ name }) => name),
        writers.written.map(({ name }) => name),
      ),
    ),
    ...differ("purchases in the tallies", sums!.purchases, purchases.length),
    ...differ("amount in the tallies", sums!.amount, sumOf(purchases)),
    ...differ("the first change", numbers!.first, 1),
    ...differ("changes between the first and the last", numbers!.count, numbers!.last),
    ...told(
      "a change has not one job",
      (await select(CHANGES_WITH_JOBS)).filter(({ jobs }) => jobs !== 1),
    ),
    ...told("a job has not succeeded", jobs.filter(hasNotSucceeded)),
    ...told("an effect is missing", strangers(expectedKeys, receiver.effects.keys())),
    ...told("an effect came from nowhere", strangers(receiver.effects.keys(), expectedKeys)),
    ...differ("purchases that were charged", effects.filter(({ kind }) => kind === "charge").length, purchases.length),
    ...differ("amount charged", sumOf(effects.filter(({ kind }) => kind === "charge")), sumOf(purchases)),
    ...told("changes of a record came out of order", receiver.disorder),
    ...differ("purchases marked as paid", entries.filter(({ paid }) => paid === 1).length, purchases.length),
    ...differ("ticks of the schedule that came twice", ticks.length - new Set(ticks).size, 0),
    ...(receiver.mostPacking > 3 ? [`${receiver.mostPacking} jobs of a lane for 3 ran at the same time`] : []),
  ]
}

type Row = Record<string, unknown>

function isNotOnce(entries: readonly Row[]): (written: Written) => boolean {
  const byName = Map.groupBy(entries, ({ name }) => name)
  return ({ name, id, amount, steps }) => {
    const rows = byName.get(name) ?? []
    const [row] = rows
    return rows.length !== 1 || row!.id !== id || row!.amount !== amount || row!.steps !== steps
  }
}

/** The calendar's last tick may be on its way. */
function hasNotSucceeded({ name, state, claim, dueAt }: Row): boolean {
  if (name === "beat" && state !== "dead") return false
  return state !== "succeeded" || claim !== null || dueAt !== null
}

function strangers(values: Iterable<unknown>, known: Iterable<unknown>): unknown[] {
  const all = new Set(known)
  return [...values].filter((value) => !all.has(value))
}

function sumOf(items: readonly { amount?: number }[]): number {
  return items.reduce((sum, { amount }) => sum + amount!, 0)
}

function told(what: string, cases: readonly unknown[]): string[] {
  if (cases.length === 0) return []
  return [
    `${what} (${cases.length}): ${cases
      .slice(0, MOST_TOLD)
      .map((item) => JSON.stringify(item))
      .join("; ")}`,
  ]
}

function differ(what: string, is: unknown, expected: unknown): string[] {
  return is === expected ? [] : [`${what}: ${is} instead of ${expected}`]
}
