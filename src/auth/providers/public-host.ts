/** Which hosts lie on the public Internet, by what a URL says of them. */

/** Names that never lead to a public host (RFC 6761, RFC 8375, and what home and office networks use). */
const PRIVATE_SUFFIXES = [
  "localhost",
  "localdomain",
  "local",
  "internal",
  "intranet",
  "private",
  "corp",
  "home",
  "lan",
  "home.arpa",
  "test",
  "invalid",
  "onion",
]

/** IPv4 blocks that aren't globally reachable (IANA's registry of special-purpose addresses). */
const PRIVATE_IPV4 = [
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
].map(parseBlock)

/**
 * Judges the host as WHATWG URL spells it, which leaves one spelling of each IPv4 and IPv6 address. A name that resolves
 * to a private address passes: a Worker can't see where a name leads.
 */
export function isPublicHost(url: URL): boolean {
  const host = nameOf(url)
  if (host.startsWith("[")) return isPublicIpv6(host)
  const address = parseIpv4(host)
  return address === undefined ? isPublicName(host) : !PRIVATE_IPV4.some((block) => isInBlock(address, block))
}

/** 127.0.0.0/8, `[::1]` and `localhost`. */
export function isLoopback(url: URL): boolean {
  const host = nameOf(url)
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function nameOf(url: URL): string {
  return url.hostname.toLowerCase().replace(/\.+$/, "")
}

function isPublicName(host: string): boolean {
  return host.includes(".") && !PRIVATE_SUFFIXES.some((suffix) => host === suffix || host.endsWith(`.${suffix}`))
}

/**
 * Global unicast (2000::/3) but for the blocks in it that carry an IPv4 address, tunnel, or stand in documents. Loopback,
 * IPv4-mapped, NAT64, link-local, unique local and multicast addresses all lie outside.
 */
function isPublicIpv6(host: string): boolean {
  const [first = 0, second = 0] = host.slice(1, -1).split(":").map(readGroup)
  if (first < 0x2000 || first > 0x3fff) return false
  const isProtocolBlock = first === 0x2001 && second < 0x200
  const isDocumentation = (first === 0x2001 && second === 0xdb8) || (first === 0x3fff && second < 0x1000)
  return !isProtocolBlock && !isDocumentation && first !== 0x2002
}

/** The group that `::` leaves out is 0. */
function readGroup(text: string): number {
  return text === "" ? 0 : Number.parseInt(text, 16)
}

interface Block {
  address: number
  size: number
}

function parseBlock(text: string): Block {
  const [address, bits] = text.split("/")
  return { address: parseIpv4(address!)!, size: 2 ** (32 - Number(bits)) }
}

function isInBlock(address: number, block: Block): boolean {
  return address >= block.address && address < block.address + block.size
}

function parseIpv4(text: string): number | undefined {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(text)) return undefined
  return text.split(".").reduce((address, octet) => address * 256 + Number(octet), 0)
}
