/** The page that somebody wanted before they were sent to sign in. */

/** @returns A path of this site, whatever the address says: nobody is led away to another. */
export function nextPath(fallback = "/") {
  const wanted = new URLSearchParams(location.search).get("next")
  if (!wanted) return fallback
  const url = URL.canParse(wanted, location.origin) ? new URL(wanted, location.origin) : undefined
  if (url?.origin !== location.origin) return fallback
  return url.pathname.replace(/^\/+/, "/") + url.search + url.hash // two at the beginning would name another site
}

/** @param again Also for who is signed in, since what they want asks for a fresh sign-in. */
export function signInPath({ next = location.pathname + location.search + location.hash, again = false } = {}) {
  return `/sign-in?${new URLSearchParams({ next, ...(again && { again: "1" }) })}`
}
