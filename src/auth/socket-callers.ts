/** Who a socket is: whoever signs in on it, and whether they may stay once something about them has changed. */

import type { Caller, CallerSession } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import { Database } from "../db/database.ts"
import type { ResultRow } from "../db/query.ts"
import { SESSION_STANDS } from "./fresh.ts"
import { isKey, KEY_STANDS, type Keys } from "./keys.ts"
import { refuseEnded, refuseToken } from "./refusals.ts"
import type { Tokens } from "./tokens.ts"
import { STANDS } from "./users.ts"

export interface SocketCallersOptions {
  readonly d1: D1Database
  readonly tokens: Pick<Tokens, "verifyUntil">
  readonly keys: Pick<Keys, "holder">
  readonly now: Clock
}

export interface SocketCaller {
  /** With the roles and the level of this moment; a token without a session keeps those that it was signed with. */
  readonly caller: Caller
  /** The account's. */
  readonly name: string | undefined
  /** Milliseconds since 1970; infinity for a key that doesn't expire. */
  readonly expiresAt: number
}

export interface SocketCallers {
  /**
   * One trip to the primary, none for the service's own tokens.
   *
   * @param token An access token, an API key or a service key.
   * @throws SelvedgeError `token_expired`; `unauthenticated` for all else that is wrong with it, an ended session
   * included; `overloaded` when the database can't tell.
   */
  signIn(token: string): Promise<SocketCaller>
  /**
   * One trip to the primary, however many they are; none where all are anonymous or the service.
   *
   * @returns Each as it is at this moment, the same object where nothing differs; undefined for one who may not stay.
   * @throws SelvedgeError `overloaded` when the database can't tell.
   */
  stillStanding(callers: readonly Caller[]): Promise<(Caller | undefined)[]>
}

interface Standing {
  readonly caller: Caller
  readonly name: string | undefined
}

/** What a caller stands on. */
interface Ground {
  idOf(caller: Caller): string | undefined
  /** `?1` is a list of ids, `?2` the time. */
  readonly sql: string
  /** @param row None where nothing with the id was found. */
  read(caller: Caller, row: ResultRow | undefined): Standing | undefined
}

export function createSocketCallers({ d1, tokens, keys, now }: SocketCallersOptions): SocketCallers {
  async function signIn(token: string): Promise<SocketCaller> {
    if (isKey(token)) {
      const { until: expiresAt, ...holder } = await keys.holder(token)
      return { ...holder, expiresAt }
    }
    const { caller, until: expiresAt } = await tokens.verifyUntil(token)
    const [standing] = await look([caller])
    if (standing) return { ...standing, expiresAt }
    throw caller.session ? refuseEnded() : refuseToken("The account may not be used")
  }

  async function look(callers: readonly Caller[]): Promise<(Standing | undefined)[]> {
    const rows = await find(callers)
    return callers.map((caller) => {
      const ground = groundOf(caller)
      return ground ? ground.read(caller, rows.get(ground)?.get(ground.idOf(caller))) : { caller, name: undefined }
    })
  }

  async function find(callers: readonly Caller[]): Promise<Map<Ground, Map<unknown, ResultRow>>> {
    const grounds = [...new Set(callers.map(groundOf))].filter((ground) => ground !== undefined)
    if (grounds.length === 0) return new Map()
    const time = now()
    const queries = grounds.map((ground) => {
      const ids = new Set(callers.filter((caller) => groundOf(caller) === ground).map(ground.idOf))
      return { sql: ground.sql, params: [JSON.stringify([...ids]), time] }
    })
    const found = await new Database(d1).write(queries, { isRepeatable: true })
    return new Map(grounds.map((ground, i) => [ground, new Map(found[i]!.map((row) => [row.id, row]))]))
  }

  return { signIn, stillStanding: async (callers) => (await look(callers)).map((standing) => standing?.caller) }
}

const KEY: Ground = {
  idOf: ({ key }) => key,
  sql: `SELECT k.id, k.user_id AS "userId", u.roles, u.name
FROM json_each(?1) wanted CROSS JOIN _keys k ON k.id = wanted.value LEFT JOIN _users u ON u.id = k.user_id
WHERE ${KEY_STANDS.replaceAll("?", "?2")}`,
  read(caller, row) {
    if (caller.kind === "service") return row && { caller, name: undefined }
    return row && ofUser(caller, row)
  },
}

const SESSION: Ground = {
  idOf: ({ session }) => session?.id,
  sql: `SELECT s.id, s.user_id AS "userId", s.aal, u.roles, u.is_anonymous AS "isAnonymous", u.name
FROM json_each(?1) wanted CROSS JOIN _sessions s ON s.id = wanted.value JOIN _users u ON u.id = s.user_id
WHERE ${SESSION_STANDS.replaceAll("?", "?2")}`,
  read(caller, row) {
    const id = caller.session!.id
    return row && ofUser(caller, row, { id, aal: row.aal === 2 ? 2 : 1, anonymous: row.isAnonymous === 1 })
  },
}

/** For tokens that were made by hand; there need not be an account. */
const ACCOUNT: Ground = {
  idOf: ({ id }) => id,
  sql: `SELECT u.id, u.name, ${STANDS.replaceAll("?", "?2")} AS stands
FROM json_each(?1) wanted CROSS JOIN _users u ON u.id = wanted.value`,
  read(caller, row) {
    return row?.stands === 0 ? undefined : { caller, name: nameOf(row) }
  },
}

/** @returns Undefined for the anonymous caller and the service, who always stand. */
function groundOf(caller: Caller): Ground | undefined {
  if (caller.key !== undefined) return KEY
  if (caller.kind !== "user") return undefined
  return caller.session ? SESSION : ACCOUNT
}

function ofUser(caller: Caller, row: ResultRow, session?: CallerSession): Standing | undefined {
  if (row.userId !== caller.id) return undefined
  const roles = JSON.parse(row.roles as string) as string[]
  const isSame =
    JSON.stringify(roles) === JSON.stringify(caller.roles) &&
    session?.aal === caller.session?.aal &&
    session?.anonymous === caller.session?.anonymous
  return { caller: isSame ? caller : { ...caller, roles, ...(session && { session }) }, name: nameOf(row) }
}

function nameOf(row: ResultRow | undefined): string | undefined {
  return (row?.name as string | null | undefined) ?? undefined
}
