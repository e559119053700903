/** Which IP addresses are those of the open internet (IANA's registries of special-purpose addresses, RFC 6890). */

/** Networks of IPv4 that are not: the first address, and how many bits say so. */
const CLOSED_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]

/** @param host As the URL parser gives it: `1.2.3.4`, or `[2606:4700::1111]`. */
export function isPublicIp(host: string): boolean {
  return host.startsWith("[") ? isPublicV6(groupsOf(host.slice(1, -1))) : isPublicV4(numberOf(host))
}

function isPublicV4(address: number): boolean {
  return !CLOSED_V4.some(([first, bits]) => address >>> (32 - bits) === numberOf(first) >>> (32 - bits))
}

function numberOf(v4: string): number {
  return v4.split(".").reduce((number, part) => number * 256 + Number(part), 0)
}

/**
 * 2000::/3 without protocol assignments (Teredo among them), documentation and 6to4. Outside of it are loopback, local
 * and multicast addresses, and all other forms that hold an IPv4 address.
 */
function isPublicV6([first, second]: readonly number[]): boolean {
  if (first! >>> 13 !== 1) return false
  if (first === 0x2001) return second! >= 0x200 && second !== 0xdb8
  return first !== 0x2002 && !(first === 0x3fff && second! < 0x1000)
}

/** The eight numbers of an address in its shortest form (RFC 5952). */
function groupsOf(v6: string): number[] {
  const [head, tail] = v6.split("::").map((side) => (side === "" ? [] : side.split(":")))
  const zeros = tail ? new Array(8 - head!.length - tail.length).fill("0") : []
  return [...head!, ...zeros, ...(tail ?? [])].map((group) => Number.parseInt(group, 16))
}
