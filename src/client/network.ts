/** Whether the browser believes that there is a network; elsewhere there always is. */

import { browser } from "./platform.ts"

export function isOnline(): boolean {
  return browser.navigator?.onLine !== false
}

/** @param changed Called when that changes, and when a page is looked at again. @returns Ends it. */
export function watchNetwork(changed: () => void): () => void {
  const watching = new AbortController()
  const until = { signal: watching.signal }
  browser.addEventListener?.("online", changed, until)
  browser.addEventListener?.("offline", changed, until)
  browser.document?.addEventListener("visibilitychange", changed, until)
  return () => watching.abort()
}
