import fc from "fast-check"
import { expect, test } from "vitest"
import { addressKey, UNKNOWN_ADDRESS } from "./address-key.ts"

/** The same cases each time. */
const RUNS = { numRuns: 1000, seed: 20_261_120 }

const byte = fc.integer({ min: 0, max: 255 })
const ipv4 = fc.tuple(byte, byte, byte, byte)
/** Zeros are common, so that `::` can stand for them. */
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
const groups = fc.array(group, { minLength: 8, maxLength: 8 })
const choices = fc.infiniteStream(fc.boolean())
const notMapped = groups.filter((all) => all.slice(0, 5).some(Boolean) || all[5] !== 0xffff)

test("10: each IPv4 address has a key of its own, itself", () => {
  const property = fc.property(ipv4, (bytes) => {
    expect(addressKey(bytes.join("."))).toBe(bytes.join("."))
  })
  fc.assert(property, RUNS)
})

test("10: an IPv4 address has one key, mapped into IPv6 or not, however that is spelled", () => {
  const property = fc.property(ipv4, choices, ([a, b, c, d], made) => {
    const mapped = [0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d]
    expect(addressKey(spell(mapped, made))).toBe([a, b, c, d].join("."))
  })
  fc.assert(property, RUNS)
})

test("10: two spellings of one IPv6 address have one key", () => {
  const property = fc.property(notMapped, choices, choices, (all, some, others) => {
    expect(addressKey(spell(all, some))).toBe(addressKey(spell(all, others)))
  })
  fc.assert(property, RUNS)
})

test("10: IPv6 addresses share a key exactly when they share their /64", () => {
  const property = fc.property(notMapped, notMapped, (one, other) => {
    const near = [...one.slice(0, 4), ...other.slice(4)]
    const isSame = one.slice(0, 4).join() === other.slice(0, 4).join()
    expect(addressKey(plain(one)) === addressKey(plain(other))).toBe(isSame)
    if (near.slice(0, 4).some(Boolean)) expect(addressKey(plain(near))).toBe(addressKey(plain(one)))
  })
  fc.assert(property, RUNS)
})

test("10: a key has one canonical form", () => {
  expect(addressKey("2001:DB8:0:0:1:0:0:1")).toBe("2001:db8:0:0::/64")
  expect(addressKey("2001:db8::7")).toBe("2001:db8:0:0::/64")
  expect(addressKey("::1")).toBe("0:0:0:0::/64")
  expect(addressKey("::ffff:192.0.2.33")).toBe("192.0.2.33")
  expect(addressKey("0:0:0:0:0:FFFF:c000:221")).toBe("192.0.2.33")
})

test.each([
  [undefined],
  [null],
  [""],
  ["unknown"],
  ["192.0.2"],
  ["192.0.2.256"],
  ["192.0.2.033"],
  ["0x7f.1"],
  ["3221226017"],
  ["192.0.2.1, 192.0.2.2"],
  ["192.0.2.1:443"],
  ["2001:db8::1::2"],
  ["2001:db8"],
  ["12345::"],
  ["[2001:db8::1]"],
  ["fe80::1%eth0"],
  ["1:2:3:4:5:6:7:8:9"],
  ["::ffff:192.0.2.256"],
  ["2001:db8::1]/x"],
])("10: %o is no address, and shares the bucket of the unknown", (header) => {
  expect(addressKey(header)).toBe(UNKNOWN_ADDRESS)
})

/** One of the spellings of RFC 4291 §2.2, by the choices. */
function spell(all: number[], made: Iterable<boolean>): string {
  const next = made[Symbol.iterator]()
  const choose = () => next.next().value === true
  const tail = choose()
    ? [
        all
          .slice(6)
          .flatMap((value) => [value >> 8, value & 0xff])
          .join("."),
      ]
    : undefined
  const head = (tail ? all.slice(0, 6) : all).map((value) => {
    const hex = value.toString(16)
    const padded = choose() ? hex.padStart(4, "0") : hex
    return choose() ? padded.toUpperCase() : padded
  })
  const zero = all.findIndex((value, index) => value === 0 && index < head.length)
  if (zero < 0 || choose()) return [...head, ...(tail ?? [])].join(":")
  let end = zero
  while (end < head.length && all[end] === 0 && (end === zero || choose())) end++
  return `${head.slice(0, zero).join(":")}::${[...head.slice(end), ...(tail ?? [])].join(":")}`
}

function plain(all: number[]): string {
  return all.map((value) => value.toString(16)).join(":")
}
