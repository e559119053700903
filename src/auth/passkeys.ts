/** The ceremonies of passkeys (WebAuthn Level 3): what an authenticator is asked, and whether its answer holds. */

import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server"
import { base64url } from "jose"
import type { AuthContext } from "./context.ts"
import { LIFETIME_MS } from "./one-time.ts"

/** COSE: Ed25519, ES256 and RS256, which between them every authenticator knows. */
const ALGORITHMS = [-8, -7, -257]

/** On whose behalf authenticators sign. */
export interface RelyingParty {
  /** The domain that passkeys are bound to. */
  readonly id: string
  readonly name: string
  /** Sites where passkeys may be used, compared exactly. */
  readonly origins: readonly string[]
}

/** @param origins Of the sites that may call this API. */
export function relyingParty(
  { settings, baseUrl }: Pick<AuthContext, "settings" | "baseUrl">,
  origins: readonly string[],
): RelyingParty {
  const own = new URL(baseUrl)
  return {
    id: settings.passkeys?.relyingParty ?? own.hostname,
    name: settings.name,
    origins: [...new Set([own.origin, ...origins])],
  }
}

export interface PasskeyOwner {
  readonly userId: string
  readonly email: string | null
  readonly name: string | null
  readonly passkeys: readonly { readonly id: string; readonly transports: string[] }[]
}

/** @param challenge 32 random bytes, base64url. */
export async function creationOptions(
  party: RelyingParty,
  { userId, email, name, passkeys }: PasskeyOwner,
  challenge: string,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await import("@simplewebauthn/server")
  return generateRegistrationOptions({
    rpID: party.id,
    rpName: party.name,
    userID: new TextEncoder().encode(userId).slice(),
    userName: email ?? name ?? party.name,
    userDisplayName: name ?? email ?? party.name,
    challenge: bytesOf(challenge),
    timeout: LIFETIME_MS["passkey-registration"],
    attestationType: "none",
    excludeCredentials: [...passkeys],
    authenticatorSelection: { residentKey: "required", userVerification: "preferred" },
    supportedAlgorithmIDs: ALGORITHMS,
  })
}

/** For whoever holds a passkey: it names the account itself. */
export async function requestOptions(
  party: RelyingParty,
  challenge: string,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await import("@simplewebauthn/server")
  return generateAuthenticationOptions({
    rpID: party.id,
    challenge: bytesOf(challenge),
    timeout: LIFETIME_MS["passkey-sign-in"],
    allowCredentials: [],
    userVerification: "preferred",
  })
}

/** The challenge that a browser says it answers; undefined inside a frame of another site, where none was asked for. */
export function readChallenge(clientDataJSON: string): string | undefined {
  try {
    const { challenge, crossOrigin } = JSON.parse(new TextDecoder().decode(base64url.decode(clientDataJSON))) ?? {}
    return typeof challenge === "string" && crossOrigin !== true ? challenge : undefined
  } catch {
    return undefined
  }
}

export type RegistrationAnswer = Pick<RegistrationResponseJSON, "id" | "rawId" | "type"> & {
  readonly response: { clientDataJSON: string; attestationObject: string; transports: string[] }
}

export interface NewPasskey {
  readonly id: string
  /** COSE, base64url. */
  readonly publicKey: string
  readonly counter: number
  readonly backedUp: boolean
  readonly aaguid: string
  readonly transports: readonly string[]
}

/** @returns Undefined when anything about it is not as asked. */
export async function verifyRegistration(
  party: RelyingParty,
  answer: RegistrationAnswer,
  challenge: string,
): Promise<NewPasskey | undefined> {
  const { verifyRegistrationResponse } = await import("@simplewebauthn/server")
  try {
    if (!(await isUnattested(answer.response.attestationObject))) return undefined
    const { registrationInfo: info } = await verifyRegistrationResponse({
      response: { ...answer, clientExtensionResults: {} },
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    })
    if (info?.credential.id !== answer.id) return undefined
    return {
      id: info.credential.id,
      publicKey: base64url.encode(info.credential.publicKey),
      counter: info.credential.counter,
      backedUp: info.credentialBackedUp,
      aaguid: info.aaguid,
      transports: answer.response.transports,
    }
  } catch {
    return undefined
  }
}

/**
 * No statement, or one that the key itself signed, is all that a browser passes on unasked. Certificates are refused
 * unread: checking them would fetch lists of revoked ones from addresses that stand in them.
 */
async function isUnattested(attestationObject: string): Promise<boolean> {
  const { decodeAttestationObject } = await import("@simplewebauthn/server/helpers")
  const attestation = decodeAttestationObject(bytesOf(attestationObject))
  const format = attestation.get("fmt")
  return format === "none" || (format === "packed" && attestation.get("attStmt").get("x5c") === undefined)
}

export type AssertionAnswer = Pick<AuthenticationResponseJSON, "id" | "rawId" | "type"> & {
  readonly response: {
    clientDataJSON: string
    authenticatorData: string
    signature: string
    userHandle?: string | null | undefined
  }
}

export interface Assertion {
  readonly counter: number
  readonly backedUp: boolean
  /** Whether the key can be copied to other devices. */
  readonly isSynced: boolean
  /** Whether the authenticator made sure of the person, by a PIN or a fingerprint for instance. */
  readonly userVerified: boolean
}

/** @returns Undefined when anything about it is not as asked; whether the counter moved is for the caller to see. */
export async function verifyAssertion(
  party: RelyingParty,
  answer: AssertionAnswer,
  challenge: string,
  key: { readonly userId: string; readonly publicKey: string },
): Promise<Assertion | undefined> {
  const { clientDataJSON, authenticatorData, signature, userHandle } = answer.response
  if (userHandle !== base64url.encode(key.userId)) return undefined
  const { verifyAuthenticationResponse } = await import("@simplewebauthn/server")
  try {
    const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
      response: {
        ...answer,
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      credential: { id: answer.id, publicKey: bytesOf(key.publicKey), counter: 0 },
    })
    if (!verified) return undefined
    return {
      counter: info.newCounter,
      backedUp: info.credentialBackedUp,
      isSynced: info.credentialDeviceType === "multiDevice",
      userVerified: info.userVerified,
    }
  } catch {
    return undefined
  }
}

/** The library takes bytes that own their buffer. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return base64url.decode(text).slice()
}
