/** The shop with jobs of a test's own, and a clock that the test moves. */

import { env } from "cloudflare:workers"
import { backend } from "../../app/backend.ts"
import type { Backend } from "../../src/index.ts"
import { collectDeclarations } from "../../src/jobs/declarations.ts"
import { createScenario, type Outside, type Scenario } from "../fixture/scenario.ts"

export const START = Date.UTC(2026, 10, 21, 12)

export interface JobScenario extends Scenario {
  readonly now: () => number
  advance(ms: number): void
  /** Lets everything run that is due, the clock as well, at the time that it is now. */
  run(): Promise<void>
  job(id: string): Promise<JobRow>
  /** Jobs of a name, in the order in which they were stored. */
  jobs(name: string): Promise<JobRow[]>
}

export interface JobRow {
  id: string
  name: string
  state: string
  // biome-ignore lint/suspicious/noExplicitAny: jobs of every shape
  input: any
  // biome-ignore lint/suspicious/noExplicitAny: jobs of every shape
  result: any
  attempts: number
  run_at: number
  due_at: number | null
  errors: { attempt: number; at: number; durationMs: number; message: string; stack: string | null }[]
  progress: [number, number] | null
  trace_id: string | null
  started_at: number | null
  finished_at: number | null
}

/** @param declared Jobs, reactions and schedules, in place of the shop's; `parts` are in place of its backend's. */
export function createJobScenario(
  declared: readonly unknown[],
  parts: Partial<Backend> = {},
  outside: Outside = {},
): JobScenario {
  let at = START
  const now = () => at
  const whole = { ...backend, ...parts, jobs: collectDeclarations(declared) } as Backend
  const scenario = createScenario(whole, env.DB, now, outside)
  const read = async (condition: string, value: string) => {
    const { results } = await env.DB.prepare(`SELECT * FROM _jobs WHERE ${condition} ORDER BY created_at, id`)
      .bind(value)
      .all<Record<string, unknown>>()
    return results.map(toRow)
  }
  return {
    ...scenario,
    now,
    advance: (ms) => {
      at += ms
    },
    async run() {
      await scenario.settled()
      await scenario.work.tick()
      await scenario.settled()
    },
    job: async (id) => (await read("id = ?", id))[0]!,
    jobs: (name) => read("name = ?", name),
  }
}

function toRow(row: Record<string, unknown>): JobRow {
  const json = (text: unknown) => (typeof text === "string" ? JSON.parse(text) : null)
  return {
    ...(row as unknown as JobRow),
    input: json(row.input),
    result: json(row.result),
    errors: json(row.errors),
    progress: json(row.progress),
  }
}
