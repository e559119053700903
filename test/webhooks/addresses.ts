/** Arbitrary IP addresses of the open internet and of inner networks, each in an arbitrary spelling. */

import fc from "fast-check"

/** First address and bits, as the registries of IANA have them. */
const CLOSED_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
].map((text) => {
  const [first, bits] = text.split("/")
  const start = first!.split(".").reduce((number, part) => number * 256 + Number(part), 0)
  return { start, size: 2 ** (32 - Number(bits)) }
})

const isClosed = (v4: number) => CLOSED_V4.some(({ start, size }) => v4 >= start && v4 < start + size)

const closedV4 = fc
  .constantFrom(...CLOSED_V4)
  .chain(({ start, size }) => fc.integer({ min: 0, max: size - 1 }).map((rest) => start + rest))
const openV4 = fc.nat(0xffff_ffff).filter((v4) => !isClosed(v4))

/** As the C library reads them: one to four parts, the last one wide, each decimal, octal or hexadecimal. */
const spelledV4 = (v4: fc.Arbitrary<number>) =>
  fc
    .record({ v4, parts: fc.integer({ min: 1, max: 4 }), bases: fc.array(base, { minLength: 4, maxLength: 4 }) })
    .map(({ v4, parts, bases }) => {
      const leading = [24, 16, 8].slice(0, parts - 1).map((shift) => (v4 >>> shift) & 255)
      const rest = v4 % 2 ** (32 - 8 * (parts - 1))
      return [...leading, rest].map((number, at) => bases[at]!(number)).join(".")
    })
const base = fc.constantFrom(
  (number: number) => String(number),
  (number: number) => `0${number.toString(8)}`,
  (number: number) => `000${number.toString(8)}`,
  (number: number) => `0x${number.toString(16)}`,
  (number: number) => `0X${number.toString(16).toUpperCase()}`,
)

/** Ways of writing what the URL parser reads as the same host. */
const disguised = (host: fc.Arbitrary<string>) =>
  fc
    .tuple(
      host,
      fc.constantFrom(
        (text: string) => text,
        (text: string) => `${text}.`,
        (text: string) => text.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit))),
        (text: string) => text.replaceAll(".", "\u3002"),
        (text: string) => text.replace(/[\dx]/gi, (char) => `%${char.charCodeAt(0).toString(16)}`),
        (text: string) => text.replaceAll(".", "%2E"),
      ),
    )
    .map(([text, disguise]) => disguise(text))

const hex = (number: number) => number.toString(16)
const halves = (v4: number) => `${hex(v4 >>> 16)}:${hex(v4 & 0xffff)}`
const dotted = (v4: number) => [24, 16, 8, 0].map((shift) => (v4 >>> shift) & 255).join(".")
const group = fc.nat(0xffff)
const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length })

/** Forms of IPv6 that hold an IPv4 address; none of them is called, whatever it holds. */
const holdingV4 = fc
  .tuple(fc.nat(0xffff_ffff), group)
  .chain(([v4, rest]) =>
    fc.constantFrom(
      `::ffff:${dotted(v4)}`,
      `::ffff:${halves(v4)}`,
      `0:0:0:0:0:FFFF:${halves(v4)}`,
      `::${dotted(v4)}`,
      `::ffff:0:${dotted(v4)}`,
      `64:ff9b::${dotted(v4)}`,
      `64:ff9b:1::${halves(v4)}`,
      `2002:${halves(v4)}::${hex(rest)}`,
      `2001:0:${halves(v4)}:0:${hex(rest)}:${halves(~v4 >>> 0)}`,
      `2001::${halves(v4)}`,
    ),
  )
const closedV6 = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: 0xfc00, max: 0xfdff }),
      fc.integer({ min: 0xfe80, max: 0xfeff }),
      fc.integer({ min: 0xff00, max: 0xffff }),
      fc.integer({ min: 0, max: 0x1fff }),
      fc.integer({ min: 0x4000, max: 0xfbff }),
    ),
    groups(7),
  )
  .map(([first, rest]) => [first, ...rest].map(hex).join(":"))
const documentation = groups(6).map((rest) => `2001:DB8:${rest.map(hex).join(":")}`)
const openV6 = fc
  .tuple(fc.integer({ min: 0x2400, max: 0x2fff }), groups(7))
  .map(([first, rest]) => [first, ...rest].map(hex).join(":"))

const bracketed = (v6: fc.Arbitrary<string>) => v6.map((text) => `[${text}]`)
const port = fc.constantFrom("", ":443", ":8443")
const url = (host: fc.Arbitrary<string>) => fc.tuple(host, port).map(([text, end]) => `https://${text}${end}/hook`)

export const closedUrl = url(
  fc.oneof(
    disguised(spelledV4(closedV4)),
    bracketed(holdingV4),
    bracketed(closedV6),
    bracketed(documentation),
    fc.constantFrom("[::1]", "[::]", "[0:0:0:0:0:0:0:1]"),
  ),
)
export const openUrl = url(fc.oneof(disguised(spelledV4(openV4)), bracketed(openV6)))
