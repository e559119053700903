/** How an application wants its people signed in. Every method is off until it is named. */

import type { DrizzleD1Database } from "drizzle-orm/d1"
import type { BuiltStatement } from "../db/query.ts"
import type { Sender } from "../mail/mail.ts"
import { defaultTemplates, type MailTemplates } from "../mail/templates.ts"
import type { ProviderPreset } from "./providers/presets.ts"

/** Seconds; a stolen access token lives at most this long. */
const ACCESS_SECONDS = 600
const IDLE_DAYS = 30
const ABSOLUTE_DAYS = 180
const DAY_MS = 24 * 3600 * 1000
/** Stands in URLs and, in capitals, in the names of secrets. */
const PROVIDER_NAME = /^[a-z][a-z0-9-]*$/

/** Characters of a password; NIST SP 800-63B asks for 15 where it is the only factor. */
const MIN_PASSWORD_LENGTH = 8

export interface AuthOptions {
  /** The project's name: stands in mails and authenticators, and in no password. */
  name: string
  /** The public address of the API, such as `https://api.shop.example`; that of the request unless told. */
  url?: string
  /** Sign-in with e-mail and password. Needs a paid plan: a hash takes more than the free plan's CPU time. */
  password?: {
    /** Characters, 8 to 64; 8 unless told. */
    minLength?: number
    /** `first`: an account exists only once its address is proved. `later`, the default, lets it sign in before. */
    verifyEmail?: "first" | "later"
  }
  /** Sign-in with a six-digit code by mail. Creates the account of an unknown address. */
  emailCode?: boolean
  /** Sign-in with a link by mail. Creates the account of an unknown address. */
  emailLink?: boolean
  /** Accounts without credentials, which can become full ones later. */
  anonymous?: boolean
  /** Sign-in with passkeys. The sites that may use them are the backend's origins and the API's own. */
  passkeys?: {
    /** The domain that the passkeys are bound to, such as `shop.example`; the API's host unless told. */
    relyingParty?: string
  }
  /**
   * Sign-in with accounts of others, by the names that stand in URLs, such as `{ google: google() }`. Each is on where
   * the Worker has its secrets `<NAME>_CLIENT_ID` and `<NAME>_CLIENT_SECRET`, in capitals and with `_` for `-`.
   */
  providers?: Readonly<Record<string, ProviderPreset>>
  /** A second factor by authenticator apps, with recovery codes. */
  totp?: boolean
  /** Keys that users make for their own programs. */
  apiKeys?: boolean
  sessions?: {
    /** Seconds, 60 to 600. */
    accessSeconds?: number
    /** Days without a refresh after which a session ends. */
    idleDays?: number
    /** Days after which a session ends however it is used. */
    absoluteDays?: number
  }
  mail?: {
    /** The sender; its domain is one that the provider knows. */
    from?: Sender
    /** Own words in place of single templates. */
    templates?: Partial<MailTemplates>
  }
  /** Statements that move what the anonymous user `from` owns to the user `to`; run in the batch of the sign-in. */
  merge?: (from: string, to: string, db: DrizzleD1Database) => readonly BuiltStatement[]
  /** Statements that remove what the application keeps about a user; run in the batch that deletes the account. */
  onDelete?: (userId: string, db: DrizzleD1Database) => readonly BuiltStatement[]
}

export interface AuthSettings {
  readonly name: string
  readonly url: string | undefined
  readonly password: { readonly minLength: number; readonly verifyEmail: "first" | "later" } | undefined
  readonly emailCode: boolean
  readonly emailLink: boolean
  readonly anonymous: boolean
  readonly passkeys: { readonly relyingParty: string | undefined } | undefined
  readonly providers: Readonly<Record<string, ProviderPreset>>
  readonly totp: boolean
  readonly apiKeys: boolean
  readonly accessSeconds: number
  readonly idleMs: number
  readonly absoluteMs: number
  readonly from: Sender
  readonly templates: MailTemplates
  readonly merge: NonNullable<AuthOptions["merge"]>
  readonly onDelete: NonNullable<AuthOptions["onDelete"]>
}

/** @throws TypeError that names the option and the mend. */
export function resolveAuth(options: AuthOptions): AuthSettings {
  const { name, url, password, passkeys, sessions = {} } = options
  if (!name.trim()) throw new TypeError("auth.name: the project's name is needed; it stands in mails")
  if (url !== undefined && (!URL.canParse(url) || new URL(url).origin !== url)) {
    throw new TypeError(
      `auth.url: "${url}" is no origin; write scheme, host and port only, as in https://api.shop.example`,
    )
  }
  return {
    name,
    url,
    password: password && {
      minLength: inRange("password.minLength", password.minLength ?? MIN_PASSWORD_LENGTH, 8, 64),
      verifyEmail: password.verifyEmail ?? "later",
    },
    emailCode: options.emailCode ?? false,
    emailLink: options.emailLink ?? false,
    anonymous: options.anonymous ?? false,
    passkeys: passkeys && { relyingParty: passkeys.relyingParty },
    providers: checkProviders(options.providers ?? {}),
    totp: options.totp ?? false,
    apiKeys: options.apiKeys ?? false,
    accessSeconds: inRange("sessions.accessSeconds", sessions.accessSeconds ?? ACCESS_SECONDS, 60, ACCESS_SECONDS),
    idleMs: inRange("sessions.idleDays", sessions.idleDays ?? IDLE_DAYS, 1 / 24, 400) * DAY_MS,
    absoluteMs: inRange("sessions.absoluteDays", sessions.absoluteDays ?? ABSOLUTE_DAYS, 1 / 24, 400) * DAY_MS,
    from: { name, email: "no-reply@localhost", ...options.mail?.from },
    templates: { ...defaultTemplates, ...options.mail?.templates },
    merge: options.merge ?? (() => []),
    onDelete: options.onDelete ?? (() => []),
  }
}

function checkProviders(providers: AuthSettings["providers"]): AuthSettings["providers"] {
  const wrong = Object.keys(providers).find((name) => !PROVIDER_NAME.test(name))
  if (wrong === undefined) return providers
  throw new TypeError(`auth.providers: "${wrong}" is no name; write small letters, digits and "-", as in my-company`)
}

function inRange(option: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw new TypeError(`auth.${option}: ${value} is not between ${least} and ${most}`)
}
