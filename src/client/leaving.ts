/** What leaves the page is loaded when somebody does; but a window is opened at once. */

import { browser, type Popup } from "./platform.ts"

const POPUP = "popup,width=480,height=640"

export function leaving() {
  return import("./redirect.ts")
}

/** Opens the window before anything is waited for: browsers allow it in a click alone. */
export async function inPopup<V>(
  go: (popup: Popup | null, way: Awaited<ReturnType<typeof leaving>>) => Promise<V>,
): Promise<V> {
  const popup = browser.open?.("", "_blank", POPUP) ?? null
  try {
    return await go(popup, await leaving())
  } finally {
    popup?.close()
  }
}
