/** Whom a provider has named, and which account is theirs. Issuer and subject say who it is, an address never does. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { proveEmailNoted, stillOwner } from "./address-owner.ts"
import { anonymousCaller } from "./anonymous.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import type { Identity } from "./providers/provider.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { openAccount } from "./sign-up.ts"
import { normalEmail } from "./users.ts"

/** Of one sign-in, when others change the same accounts at the same moment. */
const MOST_TRIES = 3

/** Somebody at a provider, as it is stored. */
export interface ProviderUser {
  readonly issuer: string
  readonly subject: string
  /** As accounts are looked up. */
  readonly email: string | null
  /** The provider's word for it. */
  readonly emailVerified: boolean
  readonly name: string | null
}

/** The accounts that have to do with a provider's user. */
export interface Match {
  /** Signs in with it. */
  readonly linkedId: string | null
  /** Has its address. */
  readonly ownerId: string | null
}

export function toProviderUser({ issuer, subject, email, emailVerified, name }: Identity): ProviderUser {
  return { issuer, subject, email: email ? normalEmail(email) : null, emailVerified, name: name ?? null }
}

const matchSql = (issuer: string, subject: string, email: string) =>
  `SELECT (SELECT user_id FROM _identities WHERE issuer = ${issuer} AND subject = ${subject}) AS "linkedId",
  (SELECT id FROM _users WHERE email = ${email}) AS "ownerId"`

/** @param hash Of a code to exchange, with which somebody came from a provider or has shown that an address is theirs. */
export function storedMatchQuery(hash: string): Query {
  const of = (field: string) => `o.payload ->> '$.arrival.${field}'`
  const email = `coalesce(${of("email")}, ${of("identity.email")})`
  const match = matchSql(of("identity.issuer"), of("identity.subject"), email)
  return { sql: `${match} FROM _one_time o WHERE o.purpose = 'exchange' AND o.hash = ?`, params: [hash] }
}

export function readMatch(row: ResultRow | undefined): Match {
  return { linkedId: (row?.linkedId as string | null) ?? null, ownerId: (row?.ownerId as string | null) ?? null }
}

/** Whether the account with the address may not be taken: nobody has proved to the provider that it is theirs. */
export function isTaken({ emailVerified }: ProviderUser, { linkedId, ownerId }: Match): boolean {
  return linkedId === null && ownerId !== null && !emailVerified
}

/**
 * One trip: signs in to the account that is linked, else to that of the address, which is linked then, else to a new
 * one. An address that the provider has verified is proved for the account too.
 *
 * @throws SelvedgeError `conflict` when the address has an account and the provider hasn't verified it.
 */
export async function signInProviderUser(
  context: AuthContext,
  user: ProviderUser,
  match: Match,
  method: string,
): Promise<SignedIn> {
  let anonymousId = anonymousCaller(context)
  for (let tries = 1, found = match; ; tries++) {
    try {
      return await signInOnce(context, user, found, method, anonymousId)
    } catch (error) {
      const failure = readFailure(error)
      const isOvertaken = failure.kind === "unique" || (failure.kind === "guard" && OVERTAKEN.includes(failure.code))
      if (!isOvertaken || tries === MOST_TRIES) throw error
      if (failure.kind === "guard" && failure.code === "not_anonymous") anonymousId = undefined
      found = await findMatch(context, user)
    }
  }
}

/** Guards of batches for which something else came first. */
const OVERTAKEN = ["moved", "not_anonymous"]

function signInOnce(
  context: AuthContext,
  user: ProviderUser,
  match: Match,
  method: string,
  anonymousId: string | undefined,
): Promise<SignedIn> {
  const proofOf = (userId: string) => ({ userId, amr: [method], aal: 1 }) as const
  const { linkedId, ownerId } = match
  if (linkedId !== null) {
    const { issuer, subject } = user
    const stillLinked = guard(
      "SELECT 'moved' WHERE NOT EXISTS (SELECT 1 FROM _identities WHERE issuer = ? AND subject = ? AND user_id = ?)",
      [issuer, subject, linkedId],
    )
    return signIn(context, proofOf(linkedId), { before: [stillLinked] })
  }
  if (isTaken(user, match)) throw accountExists()
  if (ownerId !== null) {
    const before = [
      stillOwner(ownerId, user.email!),
      ...proveEmailNoted(context, ownerId, method),
      ...linkQueries(context, ownerId, user),
    ]
    return signIn(context, proofOf(ownerId), { before })
  }
  const account = openAccount(context, user, anonymousId)
  return signIn(context, proofOf(account.id), {
    event: "sign_up",
    mergeFrom: account.id,
    before: [...account.queries, ...linkQueries(context, account.id, user)],
  })
}

function linkQueries(context: AuthContext, userId: string, { issuer, subject, email }: ProviderUser): Query[] {
  return [
    {
      sql: "INSERT INTO _identities (issuer, subject, user_id, email, created_at) VALUES (?, ?, ?, ?, ?)",
      params: [issuer, subject, userId, email, context.now()],
    },
    eventQuery(context, { event: "identity_linked", userId, detail: { issuer } }),
  ]
}

async function findMatch({ db }: AuthContext, { issuer, subject, email }: ProviderUser): Promise<Match> {
  const [rows] = await db.write([{ sql: matchSql("?", "?", "?"), params: [issuer, subject, email] }])
  return readMatch(rows![0])
}

function accountExists(): SelvedgeError {
  return new SelvedgeError("conflict", "This address has an account already: sign in to it, then link the provider.")
}
