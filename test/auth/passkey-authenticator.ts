/** An authenticator in software, and the browser around it; each of its answers can be bent. */

import { base64url } from "jose"

/** COSE: ES256, Ed25519 and RS256. */
export type Algorithm = -7 | -8 | -257

export interface Ways {
  /** Where the page says it is. */
  origin?: string
  rpId?: string
  type?: string
  challenge?: string
  crossOrigin?: boolean
  topOrigin?: string
  /** Flags: user present, user verified, can be backed up, is backed up. */
  present?: boolean
  verified?: boolean
  synced?: boolean
  backedUp?: boolean
  counter?: number
  userHandle?: string | null
  /** Another credential's id. */
  id?: string
  /** What the key says of itself. */
  algorithm?: number
  /** Whether the key signs its own attestation. */
  selfAttested?: boolean
  format?: string
  statement?: Map<string, unknown>
}

export interface RegistrationJson {
  id: string
  rawId: string
  type: string
  response: { clientDataJSON: string; attestationObject: string; transports: string[] }
  clientExtensionResults: object
}

export interface AssertionJson {
  id: string
  rawId: string
  type: string
  response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string }
  clientExtensionResults: object
}

export interface Authenticator {
  readonly id: string
  /** Uses of the key, as it counts them; 0 for one that doesn't count. */
  counter: number
  create(options: { challenge: string; user: { id: string } }, ways?: Ways): Promise<RegistrationJson>
  get(options: { challenge: string }, ways?: Ways): Promise<AssertionJson>
}

/** @param usual How it answers unless told; the counter stays 0 unless one is given. */
export async function createAuthenticator(usual: Ways = {}, algorithm: Algorithm = -7): Promise<Authenticator> {
  const { publicKey, privateKey } = await generateKey(algorithm)
  const credentialId = crypto.getRandomValues(new Uint8Array(16))
  const id = base64url.encode(credentialId)
  const everyWay: Ways = { origin: "https://edge.example", rpId: "edge.example", ...usual }
  let userHandle = ""
  const signAll = async (authData: Uint8Array, clientDataJSON: string): Promise<Uint8Array> =>
    sign(privateKey, algorithm, concat(authData, await sha256(base64url.decode(clientDataJSON))))
  const authenticator: Authenticator = {
    id,
    counter: usual.counter ?? 0,
    async create({ challenge, user }, bent = {}) {
      const ways = { ...everyWay, challenge, type: "webauthn.create", ...bent }
      userHandle = user.id
      const key = encode((await coseKey(publicKey, algorithm)).set(3, ways.algorithm ?? algorithm))
      const attested = concat(new Uint8Array(16), uint(credentialId.length, 2), credentialId, key)
      const authData = concat(await authenticatorData(ways, authenticator.counter, 0x40), attested)
      const clientDataJSON = clientData(ways)
      const signature = await signAll(authData, clientDataJSON)
      const vouched = new Map<string, unknown>([
        ["alg", algorithm],
        ["sig", signature],
      ])
      const attestation = new Map<string, unknown>([
        ["fmt", ways.format ?? (ways.selfAttested ? "packed" : "none")],
        ["attStmt", ways.statement ?? (ways.selfAttested ? vouched : new Map())],
        ["authData", authData],
      ])
      const response = {
        clientDataJSON,
        attestationObject: base64url.encode(encode(attestation)),
        transports: ["internal"],
      }
      return { id: ways.id ?? id, rawId: ways.id ?? id, type: "public-key", response, clientExtensionResults: {} }
    },
    async get({ challenge }, bent = {}) {
      const ways = { ...everyWay, challenge, type: "webauthn.get", ...bent }
      if (authenticator.counter > 0) authenticator.counter++
      const authData = await authenticatorData(ways, bent.counter ?? authenticator.counter, 0)
      const clientDataJSON = clientData(ways)
      const handle = bent.userHandle === undefined ? userHandle : bent.userHandle
      const response = {
        clientDataJSON,
        authenticatorData: base64url.encode(authData),
        signature: base64url.encode(await signAll(authData, clientDataJSON)),
        ...(handle !== null && { userHandle: handle }),
      }
      return { id: ways.id ?? id, rawId: ways.id ?? id, type: "public-key", response, clientExtensionResults: {} }
    },
  }
  return authenticator
}

function clientData({ type, challenge, origin, crossOrigin = false, topOrigin }: Ways): string {
  return base64url.encode(JSON.stringify({ type, challenge, origin, crossOrigin, ...(topOrigin && { topOrigin }) }))
}

async function authenticatorData(ways: Ways, counter: number, more: number): Promise<Uint8Array> {
  const { present = true, verified = true, synced = false, backedUp = false } = ways
  const flags = (present ? 1 : 0) | (verified ? 4 : 0) | (synced ? 8 : 0) | (backedUp ? 16 : 0) | more
  return concat(await sha256(new TextEncoder().encode(ways.rpId)), uint(flags, 1), uint(counter, 4))
}

async function generateKey(algorithm: Algorithm): Promise<CryptoKeyPair> {
  const parameters = {
    [-7]: { name: "ECDSA", namedCurve: "P-256" },
    [-8]: { name: "Ed25519" },
    [-257]: {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  }[algorithm]
  return (await crypto.subtle.generateKey(parameters, true, ["sign", "verify"])) as CryptoKeyPair
}

async function coseKey(key: CryptoKey, algorithm: Algorithm): Promise<Map<number, unknown>> {
  const jwk = (await crypto.subtle.exportKey("jwk", key)) as Record<"x" | "y" | "n" | "e", string>
  const [x, y, n, e] = [jwk.x, jwk.y, jwk.n, jwk.e].map((value) => value && base64url.decode(value))
  const own = {
    [-7]: [
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, x],
      [-3, y],
    ],
    [-8]: [
      [1, 1],
      [3, -8],
      [-1, 6],
      [-2, x],
    ],
    [-257]: [
      [1, 3],
      [3, -257],
      [-1, n],
      [-2, e],
    ],
  }[algorithm]
  return new Map(own as [number, unknown][])
}

async function sign(key: CryptoKey, algorithm: Algorithm, data: Uint8Array): Promise<Uint8Array> {
  const parameters = { ...key.algorithm, hash: "SHA-256" } as SubtleCryptoSignAlgorithm
  const raw = new Uint8Array(await crypto.subtle.sign(parameters, key, data))
  return algorithm === -7 ? concat(uint(0x30, 1), derBody([raw.slice(0, 32), raw.slice(32)])) : raw
}

/** r and s as the content of a DER sequence. */
function derBody(numbers: readonly Uint8Array[]): Uint8Array {
  const content = concat(
    ...numbers.map((number) => {
      const first = number.findIndex((byte) => byte !== 0)
      const digits = concat(uint(0, number[first]! >= 0x80 ? 1 : 0), number.slice(first))
      return concat(uint(2, 1), uint(digits.length, 1), digits)
    }),
  )
  return concat(uint(content.length, 1), content)
}

/** As much of CBOR (RFC 8949) as an authenticator speaks. */
function encode(value: unknown): Uint8Array {
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === "string") return concat(head(3, value.length), new TextEncoder().encode(value))
  if (value instanceof Uint8Array) return concat(head(2, value.length), value)
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(encode))
  if (value instanceof Map) return concat(head(5, value.size), ...[...value].flat(1).map(encode))
  throw new TypeError(`no CBOR for ${typeof value}`)
}

function head(major: number, size: number): Uint8Array {
  if (size < 24) return uint((major << 5) | size, 1)
  return size < 256 ? uint((((major << 5) | 24) << 8) | size, 2) : concat(uint((major << 5) | 25, 1), uint(size, 2))
}

function uint(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (value >>> (8 * (bytes - 1 - i))) & 0xff)
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]))
}

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data))
}
