/** Which addresses a webhook may have: those of the open internet alone. Names are not resolved. */

import { isPublicHost } from "../auth/providers/public-host.ts"

const LONGEST_URL = 2_048
const LONGEST_NAME = 253
/** The URL parser drops or turns some of these, so that two readers may see two addresses. */
const DOUBTFUL = /[\s\p{Cc}\\]/u
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/
const LOOPBACK = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

export interface AddressRules {
  /** Whether this is a developer's machine, whose own address is allowed as well. */
  readonly isLocal: boolean
  /** Where this Worker is reached itself, as origins. */
  readonly own: readonly string[]
}

/** @returns What is wrong with it; undefined when nothing is. */
export function addressFault(text: string, { isLocal, own }: AddressRules): string | undefined {
  if (text.length > LONGEST_URL) return `must have at most ${LONGEST_URL} characters`
  if (DOUBTFUL.test(text) || !/^[a-z]+:\/\//i.test(text) || !URL.canParse(text))
    return "must be a URL such as https://hooks.example.com/orders"
  const url = new URL(text)
  const name = hostOf(url)
  const isLoopback = isLocal && LOOPBACK.test(name)
  if (url.protocol !== "https:" && !(isLoopback && url.protocol === "http:")) return "must begin with https://"
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?#]*@/.test(text)) return "must hold no credentials"
  if (text.includes("#")) return "must hold no fragment"
  if (own.some((origin) => isSameHost(url, new URL(origin)))) return "must not be this backend itself"
  if (isLoopback) return undefined
  return isOpen(url) ? undefined : "must be an address of the open internet"
}

/** Without the dot of the root, which says nothing. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/\.$/, "")
}

/** On one machine it is the port that tells servers apart; elsewhere all ports of a host count as one. */
function isSameHost(url: URL, own: URL): boolean {
  const [name, ownName] = [hostOf(url), hostOf(own)]
  if (LOOPBACK.test(name) && LOOPBACK.test(ownName)) return portOf(url) === portOf(own)
  return name === ownName
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === "https:" ? "443" : "80")
}

function isOpen(url: URL): boolean {
  const host = hostOf(url)
  const isAddress = host.startsWith("[") || IPV4.test(host)
  return isPublicHost(url) && (isAddress || (host.length <= LONGEST_NAME && !host.split(".").includes("")))
}
