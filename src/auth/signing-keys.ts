/** The ES256 keys that sign access tokens: kept in `_signing_keys`, shared by all isolates, held in memory for minutes. */

import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose"
import type { Clock } from "../core/clock.ts"
import { Database } from "../db/database.ts"
import type { ResultRow } from "../db/query.ts"
import { createKeyCipher, type KeyCipher } from "./key-cipher.ts"

export const ALGORITHM = "ES256"
/** How long an isolate trusts what it read; a key retired in a hurry is refused everywhere after this. */
const MAX_AGE_MS = 5 * 60_000
/** A key that follows another is published this long before it signs; whoever caches the public keys then has it. */
const PUBLISHED_AHEAD_MS = 5 * 60_000
/** Tokens that name an unknown key make an isolate look at most once in this time. */
const UNKNOWN_KID_PAUSE_MS = 30_000

export interface SigningKeysOptions {
  db: D1Database
  /** Encrypts the private parts; at least 32 characters. */
  secret: string
  /** The secret before the last rotation, under which keys may still lie. */
  previousSecret?: string | undefined
  now: Clock
}

/** One row of `_signing_keys`. */
interface SigningKeyRow {
  kid: string
  publicJwk: string
  privateJwk: string
  /** Milliseconds since 1970; a new key is published 5 minutes before it signs. */
  signsFrom: number
  /** Milliseconds since 1970; from then on the key neither signs nor verifies. */
  retiredAt: number | null
}

export interface VerificationKey {
  readonly kid: string
  readonly publicKey: CryptoKey
  readonly retiredAt: number
}

/** What one read found; the same object as long as the rows stay the same. */
export interface KeySet {
  readonly text: string
  /** Newest first. */
  readonly rows: readonly SigningKeyRow[]
  readonly byKid: ReadonlyMap<string, VerificationKey>
}

export interface Signer {
  readonly kid: string
  readonly privateKey: CryptoKey
}

export interface SigningKeys {
  /** The keys in memory; undefined before the first read and when the last one is too old. */
  current(): KeySet | undefined
  /** The key a token names, from memory or D1; undefined when it is unknown or retired. */
  find(kid: string): Promise<VerificationKey | undefined>
  /**
   * The newest key that may sign now. Creates one when there is none that this secret can read; a key that is going to
   * retire is followed by another one.
   */
  signer(): Promise<Signer>
  /** The public parts of all keys that aren't retired, also of those that don't sign yet. */
  published(): Promise<JWK[]>
}

/**
 * Promises of reads are never shared between requests: a cancelled request would take the others with it.
 *
 * @throws TypeError when the secret is too short.
 */
export function createSigningKeys({ db, secret, previousSecret, now }: SigningKeysOptions): SigningKeys {
  const cipher = createKeyCipher(secret)
  const ciphers = previousSecret ? [cipher, createKeyCipher(previousSecret)] : [cipher]
  let held: KeySet | undefined
  let heldSince = 0
  let askedForUnknownAt = Number.NEGATIVE_INFINITY
  let lastSigner: Signer | undefined

  function current(): KeySet | undefined {
    return now() - heldSince < MAX_AGE_MS ? held : undefined
  }

  async function read(): Promise<KeySet> {
    const readAt = now()
    let rows = await selectRows(db)
    if (!rows.some((row) => row.retiredAt === null)) {
      const isFirst = !rows.some((row) => isLive(row, readAt))
      rows = await createKey(db, cipher, isFirst ? readAt : readAt + PUBLISHED_AHEAD_MS, [])
    }
    return hold(rows, readAt)
  }

  async function hold(rows: SigningKeyRow[], readAt: number): Promise<KeySet> {
    const text = JSON.stringify(rows)
    if (held?.text !== text) held = { text, rows, byKid: await importPublicKeys(rows) }
    heldSince = readAt
    return held
  }

  async function find(kid: string): Promise<VerificationKey | undefined> {
    const known = current() ?? (await read())
    const key = known.byKid.get(kid) ?? (await lookAgain(kid))
    return key && key.retiredAt > now() ? key : undefined
  }

  async function lookAgain(kid: string): Promise<VerificationKey | undefined> {
    if (now() - askedForUnknownAt < UNKNOWN_KID_PAUSE_MS) return undefined
    askedForUnknownAt = now()
    return (await read()).byKid.get(kid)
  }

  async function signer(): Promise<Signer> {
    const unreadable: string[] = []
    for (const row of signingOrder((current() ?? (await read())).rows, now())) {
      if (lastSigner?.kid === row.kid) return lastSigner
      const opened = await openSigner(ciphers, row)
      if (opened) {
        lastSigner = opened
        return opened
      }
      unreadable.push(row.kid)
    }
    await hold(await createKey(db, cipher, now(), unreadable), now())
    return signer()
  }

  async function published(): Promise<JWK[]> {
    const { rows } = current() ?? (await read())
    return rows.filter((row) => isLive(row, now())).map(publicForm)
  }

  return { current, find, signer, published }
}

const COLUMNS =
  'kid, public_jwk AS "publicJwk", private_jwk AS "privateJwk", signs_from AS "signsFrom", retired_at AS "retiredAt"'
const SELECT = `SELECT ${COLUMNS} FROM _signing_keys WHERE alg = '${ALGORITHM}' ORDER BY signs_from DESC, kid`
/** Of isolates that find no key at the same moment one inserts; all of them read that one back. */
const INSERT = `INSERT INTO _signing_keys (kid, alg, public_jwk, private_jwk, signs_from)
SELECT ?1, '${ALGORITHM}', ?2, ?3, ?4 WHERE NOT EXISTS (
  SELECT 1 FROM _signing_keys WHERE retired_at IS NULL AND alg = '${ALGORITHM}'
    AND kid NOT IN (SELECT value FROM json_each(?5)))`

async function selectRows(db: D1Database): Promise<SigningKeyRow[]> {
  return toRows(await new Database(db, undefined, { d1: null }).read({ sql: SELECT, params: [] }))
}

/**
 * @param signsFrom Milliseconds since 1970.
 * @param unreadable Keys encrypted under another secret: they go on verifying, but can't sign.
 */
async function createKey(
  db: D1Database,
  cipher: KeyCipher,
  signsFrom: number,
  unreadable: string[],
): Promise<SigningKeyRow[]> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  const privateJwk = await cipher.encrypt(kid, JSON.stringify(await exportJWK(pair.privateKey)))
  const params = [kid, JSON.stringify(publicJwk), privateJwk, signsFrom, JSON.stringify(unreadable)]
  const queries = [
    { sql: INSERT, params },
    { sql: SELECT, params: [] },
  ]
  const [, read] = await new Database(db).write(queries, { isRepeatable: true })
  return toRows(read!)
}

function toRows(rows: ResultRow[]): SigningKeyRow[] {
  return rows as unknown as SigningKeyRow[]
}

async function importPublicKeys(rows: SigningKeyRow[]): Promise<Map<string, VerificationKey>> {
  const byKid = new Map<string, VerificationKey>()
  for (const row of rows) {
    const publicKey = (await importJWK(publicForm(row), ALGORITHM)) as CryptoKey
    byKid.set(row.kid, { kid: row.kid, publicKey, retiredAt: row.retiredAt ?? Number.POSITIVE_INFINITY })
  }
  return byKid
}

/** Newest first; keys that sign only later come last, nearest first, in case the clocks of two isolates differ. */
function signingOrder(rows: readonly SigningKeyRow[], at: number): SigningKeyRow[] {
  const live = rows.filter((row) => isLive(row, at))
  const later = live.filter((row) => row.signsFrom > at).reverse()
  return [...live.filter((row) => row.signsFrom <= at), ...later]
}

async function openSigner(ciphers: readonly KeyCipher[], row: SigningKeyRow): Promise<Signer | undefined> {
  for (const cipher of ciphers) {
    const text = await cipher.decrypt(row.kid, row.privateJwk)
    if (text === undefined) continue
    return { kid: row.kid, privateKey: (await importJWK(JSON.parse(text) as JWK, ALGORITHM)) as CryptoKey }
  }
  return undefined
}

/** The public members are named one by one, so that nothing else of a row can leave the server. */
function publicForm(row: SigningKeyRow): JWK {
  const { kty, crv, x, y } = JSON.parse(row.publicJwk) as Required<Pick<JWK, "kty" | "crv" | "x" | "y">>
  return { kty, crv, x, y, kid: row.kid, alg: ALGORITHM, use: "sig" }
}

function isLive(row: SigningKeyRow, at: number): boolean {
  return row.retiredAt === null || row.retiredAt > at
}
