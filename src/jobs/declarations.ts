/** All that an application's jobs file declares, checked against each other. */

import type { JobContext } from "./context.ts"
import type { Job, Reaction, ScheduledJob } from "./define.ts"
import type { JobDefinition } from "./definition.ts"
import { reactionJob } from "./reactions.ts"
import type { Schedule } from "./schedules.ts"

/** The engine's own: mails of sign-in, deliveries of webhooks, messages that nobody understands, changes of the feed. */
const RESERVED = /^(mail|delivery|webhook-disabled|message|feed:.*)$/

export interface Declarations {
  readonly jobs: ReadonlyMap<string, JobDefinition<JobContext>>
  readonly reactions: readonly Reaction[]
  readonly schedules: ReadonlyMap<string, Schedule>
}

/** As much of a webhook that comes in as concerns jobs. */
interface Webhook {
  readonly kind: "webhook"
  readonly definition: JobDefinition<JobContext>
}

type Declared = Job | Reaction | ScheduledJob | Webhook

/**
 * @param values What isn't a declaration is passed over.
 * @throws TypeError for a name that is taken.
 */
export function collectDeclarations(values: readonly unknown[]): Declarations {
  const declared = values.filter(isDeclared)
  const jobs = new Map<string, JobDefinition<JobContext>>()
  for (const definition of declared.map(definitionOf)) {
    if (RESERVED.test(definition.name))
      throw new TypeError(`job ${definition.name}: the name is reserved for the engine`)
    if (jobs.has(definition.name)) throw new TypeError(`job ${definition.name}: the name is taken; choose another`)
    jobs.set(definition.name, definition)
  }
  const schedules = declared.filter((value) => value.kind === "schedule").map(({ schedule }) => schedule)
  return {
    jobs,
    reactions: declared.filter((value) => value.kind === "reaction"),
    schedules: new Map(schedules.map((schedule) => [schedule.name, schedule])),
  }
}

function isDeclared(value: unknown): value is Declared {
  const { kind } = (value ?? {}) as Partial<Declared>
  return kind === "job" || kind === "reaction" || kind === "schedule" || kind === "webhook"
}

function definitionOf(declared: Declared): JobDefinition<JobContext> {
  return declared.kind === "reaction" ? reactionJob(declared) : declared.definition
}
