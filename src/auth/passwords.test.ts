import { argon2id } from "@noble/hashes/argon2.js"
import Argon2 from "@phi-ag/argon2"
import * as fc from "fast-check"
import { afterEach, expect, test, vi } from "vitest"
import argon2Module from "./argon2.wasm"
import { SECRET } from "./key.fixture.ts"
import { createPasswords } from "./passwords.ts"
import { createSecrets } from "./secrets.ts"

const NEWER_SECRET = "a newer secret for tests, with more than 32 characters"
const PASSWORD = "correct horse battery staple"
const MIB = 2 ** 20

const secrets = createSecrets(SECRET)
const passwords = createPasswords({ module: argon2Module, secrets })

afterEach(() => {
  vi.restoreAllMocks()
})

test("the wasm gives the known answer of argon2id", () => {
  const { encoded } = new Argon2(new WebAssembly.Instance(argon2Module)).hash(PASSWORD, {
    salt: new TextEncoder().encode("0123456789abcdef"),
    memoryCost: 19_456,
    timeCost: 2,
    parallelism: 1,
  })
  expect(encoded).toBe(
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0",
  )
})

test("3: the stored value is a PHC string of argon2id, 19456 KiB, 2 passes, and names its pepper", async () => {
  const [, algorithm, version, parameters, salt, tag] = (await passwords.hash(PASSWORD)).split("$")
  expect([algorithm, version]).toEqual(["argon2id", "v=19"])
  expect(parameters).toBe(`m=19456,t=2,p=1,keyid=${keyIdOf(secrets)}`)
  expect(atob(salt!)).toHaveLength(16)
  expect(atob(tag!)).toHaveLength(32)
})

test("3: equal passwords give different values", async () => {
  const stored = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)])
  const salts = stored.map((phc) => phc.split("$")[4])
  const tags = stored.map((phc) => phc.split("$")[5])
  expect(new Set(salts).size).toBe(2)
  expect(new Set(tags).size).toBe(2)
})

test("3: the tag is what another implementation gives for the peppered password", async () => {
  const password = fc.string({ unit: "binary", maxLength: 64 })
  await fc.assert(
    fc.asyncProperty(password, async (each) => {
      const phc = await passwords.hash(each)
      const salt = Uint8Array.from(atob(phc.split("$")[4]!), (character) => character.charCodeAt(0))
      expect(phc).toBe(oracle(each, 19_456, 2, salt))
    }),
    { numRuns: 4 },
  )
})

test("a password matches its own value and no other does", async () => {
  const phc = await passwords.hash(PASSWORD)
  expect(await passwords.verify(PASSWORD, phc)).toEqual({ matches: true, outdated: false })
  for (const wrong of ["", "correct horse battery stapl", `${PASSWORD} `, PASSWORD.toUpperCase()]) {
    expect(await passwords.verify(wrong, phc)).toEqual({ matches: false, outdated: false })
  }
})

test("1: composed and decomposed characters are the same password, compatible ones are not", async () => {
  const phc = await passwords.hash("caf\u00e9 cr\u00e8me")
  expect(await passwords.verify("cafe\u0301 cre\u0300me", phc)).toMatchObject({ matches: true })
  expect(await passwords.verify("cafe creme", phc)).toMatchObject({ matches: false })
  const ligature = await passwords.hash("e\ufb03cient")
  expect(await passwords.verify("efficient", ligature)).toMatchObject({ matches: false })
})

test("1: nothing is cut off: the 200th or the last of 256 characters counts, and so does what follows U+0000", async () => {
  const long = "a".repeat(256)
  const phc = await passwords.hash(long)
  expect(await passwords.verify(long, phc)).toMatchObject({ matches: true })
  for (const at of [199, 255]) {
    expect(await passwords.verify(`${long.slice(0, at)}b${long.slice(at + 1)}`, phc)).toMatchObject({ matches: false })
  }
  const zero = await passwords.hash("secret\u0000one")
  expect(await passwords.verify("secret\u0000two", zero)).toMatchObject({ matches: false })
})

test("4: values of older parameters verify, and are to be written anew", async () => {
  for (const [memory, passes] of [
    [7_168, 5],
    [12_288, 3],
    [19_456, 1],
    [47_104, 1],
  ] as const) {
    const phc = oracle(PASSWORD, memory, passes, new Uint8Array(16).fill(7))
    expect(await passwords.verify(PASSWORD, phc)).toEqual({ matches: true, outdated: true })
    expect(await passwords.verify("another", phc)).toMatchObject({ matches: false })
  }
})

test("4: after a rotation of the secret a value verifies, and is to be written anew with the new pepper", async () => {
  const phc = await passwords.hash(PASSWORD)
  const rotated = createSecrets(NEWER_SECRET, SECRET)
  const later = createPasswords({ module: argon2Module, secrets: rotated })
  expect(await later.verify(PASSWORD, phc)).toEqual({ matches: true, outdated: true })
  expect(await later.verify("another", phc)).toMatchObject({ matches: false })
  const rewritten = await later.hash(PASSWORD)
  expect(rewritten).toContain(`keyid=${keyIdOf(rotated)}$`)
  expect(await later.verify(PASSWORD, rewritten)).toEqual({ matches: true, outdated: false })
})

test("4: a value whose pepper is gone matches nothing, even with another key id written into it", async () => {
  const phc = await passwords.hash(PASSWORD)
  const others = createSecrets(NEWER_SECRET)
  const other = createPasswords({ module: argon2Module, secrets: others })
  expect(await other.verify(PASSWORD, phc)).toEqual({ matches: false, outdated: true })
  const renamed = phc.replace(keyIdOf(secrets), keyIdOf(others))
  expect(await other.verify(PASSWORD, renamed)).toEqual({ matches: false, outdated: false })
})

test("a stored value that can't be read or asks too much matches nothing, at the cost of one ordinary hash", async () => {
  const phc = await passwords.hash(PASSWORD)
  const hash = vi.spyOn(Argon2.prototype, "hash")
  const wrong = [
    "",
    "x",
    phc.slice(0, -1),
    `${phc}\n`,
    phc.replace("argon2id", "argon2i"),
    phc.replace("v=19", "v=16"),
    phc.replace("m=19456", "m=4294967295"),
    phc.replace("m=19456", "m=999999"),
    phc.replace("m=19456", "m=47105"),
    phc.replace("m=19456", "m=8"),
    phc.replace("t=2", "t=11"),
    phc.replace("t=2", "t=0"),
    phc.replace("p=1", "p=4"),
    phc.replace(/,keyid=[^$]*/, ""),
  ]
  for (const each of wrong) {
    expect(await passwords.verify(PASSWORD, each), each).toEqual({ matches: false, outdated: true })
  }
  await passwords.verifyNothing(PASSWORD)
  expect(hash).toHaveBeenCalledTimes(wrong.length + 1)
  for (const [, options] of hash.mock.calls) expect(options).toMatchObject({ memoryCost: 19_456, timeCost: 2 })
})

test("20 parallel hashes are all right", async () => {
  const texts = Array.from({ length: 20 }, (_, index) => `password number ${index}`)
  const stored = await Promise.all(texts.map((text) => passwords.hash(text)))
  const right = await Promise.all(texts.map((text, index) => passwords.verify(text, stored[index]!)))
  expect(right.every(({ matches }) => matches)).toBe(true)
  expect(await passwords.verify(texts[0]!, stored[1]!)).toMatchObject({ matches: false })
})

test("a call that breaks takes its instance with it, and the calls after it share one of one hash's memory", async () => {
  vi.spyOn(Argon2.prototype, "hash").mockImplementationOnce(() => {
    throw new WebAssembly.RuntimeError("unreachable")
  })
  await expect(passwords.hash(PASSWORD)).rejects.toThrow("unreachable")

  const made = watchInstances()
  const phcs = await Promise.all(Array.from({ length: 20 }, () => passwords.hash(PASSWORD)))
  await createPasswords({ module: argon2Module, secrets }).verify(PASSWORD, phcs[19]!)
  expect(made).toHaveLength(1)
  expect((made[0]!.exports.memory as WebAssembly.Memory).buffer.byteLength).toBeLessThan(21 * MIB)
})

function watchInstances(): WebAssembly.Instance[] {
  const { Instance } = WebAssembly
  const made: WebAssembly.Instance[] = []
  vi.spyOn(WebAssembly, "Instance").mockImplementation(
    class {
      constructor(module: WebAssembly.Module) {
        const instance = new Instance(module)
        made.push(instance)
        // biome-ignore lint/correctness/noConstructorReturn: the spy stands for the platform's own class
        return instance
      }
    } as never,
  )
  return made
}

function oracle(password: string, memory: number, passes: number, salt: Uint8Array): string {
  const peppered = secrets.current.mac("password pepper", password.normalize("NFC"))
  const tag = argon2id(peppered, salt, { m: memory, t: passes, p: 1, dkLen: 32 })
  const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll("=", "")
  return `$argon2id$v=19$m=${memory},t=${passes},p=1,keyid=${keyIdOf(secrets)}$${base64(salt)}$${base64(tag)}`
}

function keyIdOf({ current }: { current: { id: string } }): string {
  return current.id.replaceAll("-", "+").replaceAll("_", "/")
}
