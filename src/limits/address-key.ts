/** Under which name a client's address is counted: one for all the addresses that one client can take at will. */

/** Clients whose address isn't known share one bucket. */
export const UNKNOWN_ADDRESS = "unknown"

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)
const IPV6_LETTERS = /^[\da-f:.]{2,45}$/i
const IPV6_GROUPS = 8
/** A client is usually given a whole /64. */
const COUNTED_GROUPS = 4
/** `::ffff:0:0/96`, RFC 4291 §2.5.5.2. */
const MAPPED_IPV4 = [0, 0, 0, 0, 0, 0xffff]

/**
 * @param header `CF-Connecting-IP`, which Cloudflare sets; never a header that the client can choose.
 * @returns IPv4 as it is, also where IPv6 maps it; of other IPv6 its /64 in one spelling; {@link UNKNOWN_ADDRESS}
 * without a well-formed address.
 */
export function addressKey(header: string | null | undefined): string {
  if (!header) return UNKNOWN_ADDRESS
  if (IPV4.test(header)) return header
  const groups = parseIpv6(header)
  if (!groups) return UNKNOWN_ADDRESS
  if (MAPPED_IPV4.every((group, index) => groups[index] === group)) return groups.slice(-2).flatMap(bytesOf).join(".")
  const prefix = groups.slice(0, COUNTED_GROUPS).map((group) => group.toString(16))
  return `${prefix.join(":")}::/64`
}

/** The URL parser (WHATWG) reads every spelling and writes one, with the longest run of zeros as `::`. */
function parseIpv6(text: string): number[] | undefined {
  const url = IPV6_LETTERS.test(text) ? URL.parse(`http://[${text}]`) : null
  if (!url) return undefined
  const [head, tail] = url.hostname.slice(1, -1).split("::").map(groupsOf)
  if (!tail) return head
  return [...head!, ...Array<number>(IPV6_GROUPS - head!.length - tail.length).fill(0), ...tail]
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16))
}

function bytesOf(group: number): [number, number] {
  return [group >> 8, group & 0xff]
}
