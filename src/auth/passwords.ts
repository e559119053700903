/** Hashes of passwords: argon2id over an HMAC under the Worker's secret, stored as PHC strings. */

import Argon2, { Argon2Type, Argon2Version } from "@phi-ag/argon2"
import { isEqual, type SecretKey, type Secrets } from "./secrets.ts"

/** What one hash costs, in KiB and passes. */
interface Cost {
  memory: number
  passes: number
}

/** OWASP's choice of the least memory that two passes need. */
const COST: Cost = { memory: 19_456, passes: 2 }
/** What a stored string may ask of the isolate: OWASP's largest choice of memory, and passes for the smallest. */
const LEAST: Cost = { memory: 1_024, passes: 1 }
const MOST: Cost = { memory: 47_104, passes: 10 }
const SALT_BYTES = 16
const TAG_BYTES = 32
const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=1,keyid=([A-Za-z0-9+/]{1,11})\$([A-Za-z0-9+/]{22})\$[A-Za-z0-9+/]{43}$/

export interface PasswordsOptions {
  /** Compiled `argon2.wasm`. */
  module: WebAssembly.Module
  /** `current` peppers new hashes; those under an earlier secret still verify. */
  secrets: Secrets
}

/** A password is its NFC form, however it was typed; no part of it is cut off. */
export interface Passwords {
  /** @returns A PHC string; equal passwords give different ones. */
  hash(password: string): Promise<string>
  /**
   * A string that can't be read, asks too much or was peppered with an unknown secret matches no password, at the
   * cost of a hash.
   * @returns `outdated`: written at another cost or under an earlier secret; hash anew while the password is at hand.
   */
  verify(password: string, phc: string): Promise<{ matches: boolean; outdated: boolean }>
  /** Costs what `verify` costs, so that an unknown account answers no sooner than a known one. */
  verifyNothing(password: string): Promise<void>
}

/** An isolate's instance while no call has it: its 20 MB are there once, since wasm memory never shrinks. */
const idle = new WeakMap<WebAssembly.Module, Argon2>()

export function createPasswords({ module, secrets }: PasswordsOptions): Passwords {
  async function hash(password: string): Promise<string> {
    return write(secrets.current, password, COST, crypto.getRandomValues(new Uint8Array(SALT_BYTES)))
  }

  async function verify(password: string, phc: string) {
    const stored = read(phc, secrets)
    if (!stored) {
      await hash(password)
      return { matches: false, outdated: true }
    }
    const { key, cost, salt } = stored
    return {
      matches: isEqual(phc, write(key, password, cost, salt)),
      outdated: cost.memory !== COST.memory || cost.passes !== COST.passes || key !== secrets.current,
    }
  }

  function write(key: SecretKey, password: string, cost: Cost, salt: Uint8Array): string {
    const peppered = key.mac("password pepper", password.normalize("NFC"))
    const tag = deriveTag(module, peppered, cost, salt)
    const parameters = `m=${cost.memory},t=${cost.passes},p=1,keyid=${keyIdOf(key)}`
    return `$argon2id$v=19$${parameters}$${toBase64(salt)}$${toBase64(tag)}`
  }

  return {
    hash,
    verify,
    async verifyNothing(password) {
      await hash(password)
    },
  }
}

function read(phc: string, secrets: Secrets): { key: SecretKey; cost: Cost; salt: Uint8Array } | undefined {
  const [, memory, passes, keyId, salt] = PHC.exec(phc) ?? []
  const cost = { memory: Number(memory), passes: Number(passes) }
  const key = secrets.all.find((each) => keyIdOf(each) === keyId)
  if (!key || !isBetween(cost.memory, LEAST.memory, MOST.memory)) return undefined
  if (!isBetween(cost.passes, LEAST.passes, MOST.passes)) return undefined
  return { key, cost, salt: fromBase64(salt!) }
}

/**
 * Synchronous, so calls never overlap: one hash's memory is in use at a time, and there is no queue that a cancelled
 * request could hold up. A call that traps or is ended for its CPU time doesn't give its instance back, because that
 * one may be broken; the next call makes another.
 */
function deriveTag(module: WebAssembly.Module, text: string, cost: Cost, salt: Uint8Array): Uint8Array {
  const argon2 = idle.get(module) ?? new Argon2(new WebAssembly.Instance(module))
  idle.delete(module)
  const { hash } = argon2.hash(text, {
    salt,
    hashLength: TAG_BYTES,
    memoryCost: cost.memory,
    timeCost: cost.passes,
    parallelism: 1,
    type: Argon2Type.Argon2id,
    version: Argon2Version.Version13,
  })
  idle.set(module, argon2)
  return hash
}

/** In the alphabet that the PHC string format allows. */
function keyIdOf(key: SecretKey): string {
  return key.id.replaceAll("-", "+").replaceAll("_", "/")
}

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("=", "")
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
