/** Where people may be sent back to: listed sites, named exactly. */

import { validationFailed } from "../core/problem.ts"

const MOST_REDIRECT = 2_048
/** What an address consists of once everything else is percent-encoded (RFC 3986); a fragment would come after the code. */
const PLAIN = /^[A-Za-z0-9\-._~:/?@!$&'()*+,;=%[\]]+$/
/** What another program may read as the start of a host, as a step up, or as the end of a line. */
const MISLEADING_PATH = /\/\/|%2f|%5c|%[01][0-9a-f]|%7f/i

/** @throws SelvedgeError `validation_failed` with a pointer to `/redirectTo`. */
export function checkRedirect(origins: readonly string[], redirectTo: string): void {
  if (mayRedirect(origins, redirectTo)) return
  const message = "must be an address of a listed site, spelled out in full"
  throw validationFailed([{ pointer: "/redirectTo", code: "invalid_value", message }])
}

/**
 * Whether the address is one of a listed origin: scheme, host and port are compared as text, so that nothing depends on
 * how a browser mends what it is given.
 */
export function mayRedirect(origins: readonly string[], redirectTo: string): boolean {
  if (redirectTo.length > MOST_REDIRECT || !PLAIN.test(redirectTo) || !URL.canParse(redirectTo)) return false
  const { origin, pathname, username, password } = new URL(redirectTo)
  const rest = redirectTo.slice(origin.length)
  return (
    origins.includes(origin) &&
    redirectTo.startsWith(origin) &&
    /^(?:$|[/?])/.test(rest) &&
    username === "" &&
    password === "" &&
    !MISLEADING_PATH.test(rest.split("?", 1)[0]!) &&
    !MISLEADING_PATH.test(pathname)
  )
}

/** The address with our parameters; its own query is kept, but for parameters of the same names. */
export function redirectBack(redirectTo: string, params: Readonly<Record<string, string>>): string {
  const url = new URL(redirectTo)
  for (const name of Object.keys(params)) if (url.searchParams.has(name)) url.searchParams.delete(name)
  url.search = [url.search.slice(1), new URLSearchParams(params).toString()].filter(Boolean).join("&")
  return url.href
}
