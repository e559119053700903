/** Whether the browser believes that there is a network; elsewhere there always is. */

import { browser } from "./platform.ts"

export function isOnline(): boolean {
  return browser.navigator?.onLine !== false
}

/** @param changed Called when that changes, and when a page is looked at again. @returns Ends it. */
export function watchNetwork(changed: () => void): () => void {
  const { document } = browser
  browser.addEventListener?.("online", changed)
  browser.addEventListener?.("offline", changed)
  document?.addEventListener("visibilitychange", changed)
  return () => {
    browser.removeEventListener?.("online", changed)
    browser.removeEventListener?.("offline", changed)
    document?.removeEventListener("visibilitychange", changed)
  }
}
