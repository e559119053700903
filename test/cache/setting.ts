/** Collections that keep answers beside some that may not, and isolates that share a database and a KV. */

import { env } from "cloudflare:workers"
import {
  anyone,
  type Backend,
  type Caller,
  type CallerRule,
  collection,
  defineBackend,
  many,
  one,
  role,
  signedIn,
} from "selvedge"
import { users } from "selvedge/tables"
import { createScenario, type Outside, type Scenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"
import { createPrivateKv, type PrivateKv } from "./private-kv.ts"

export const staff = role("staff")
export const ADA = "019a0000-0000-7000-8000-00000000000a"
export const BEN = "019a0000-0000-7000-8000-00000000000b"
const all = { read: anyone, create: anyone, update: anyone, delete: anyone }

type Changes = { readMembers?: CallerRule; seeUsers?: CallerRule; cache?: object }

/** Teams and projects are kept; notes are each owner's own, and members are for those who are signed in. */
export function backendWith({ readMembers = signedIn, seeUsers = anyone, cache }: Changes = {}): Backend {
  return defineBackend({
    tables,
    collections: {
      teams: collection(tables.teams, {
        access: all,
        fields: { secret: { read: staff } },
        relations: { projects: many(tables.projects) },
        sorts: ["name"],
        search: ["name"],
        cache: { maxAge: 60, ...cache },
      }),
      projects: collection(tables.projects, {
        access: all,
        relations: {
          owner: one(users, { fields: ["id", "name"] }),
          team: one(tables.teams),
          members: many(tables.members),
          notes: many(tables.notes),
        },
        sorts: ["name"],
        cache: { maxAge: 60, ...cache },
      }),
      members: collection(tables.members, {
        access: { ...all, read: readMembers },
        fields: { userId: { read: seeUsers } },
        relations: { project: one(tables.projects) },
      }),
      notes: collection(tables.notes, {
        access: { ...all, read: (caller: Caller) => ({ ownerId: caller.id }) },
        relations: { project: one(tables.projects) },
      }),
    },
  }) as unknown as Backend
}

export interface Setting {
  readonly kv: PrivateKv
  /** Milliseconds since 1970, for all isolates. */
  at: number
  /** Each has a memory of its own. */
  isolate(outside?: Outside & { backend?: Backend; d1?: D1Database }): Scenario
}

export function createSetting(): Setting {
  const kv = createPrivateKv()
  const setting: Setting = {
    kv,
    at: Date.now(),
    isolate: ({ backend = backendWith(), d1 = env.FIXTURE, ...outside } = {}) =>
      createScenario(backend, d1, () => setting.at, { kv: kv.kv, ...outside }),
  }
  return setting
}

/** What was answered without the database. */
export function isKept({ headers }: { headers: Headers }): boolean {
  return headers.get("Cache-Status")?.startsWith("selvedge; hit") ?? false
}
