/** What a tab keeps for the next page of the site. Where the browser keeps nothing, or is full, pages go on without. */

export function keep(name, value) {
  try {
    sessionStorage.removeItem(name) // a value that is too much leaves none of before
    if (value !== undefined) sessionStorage.setItem(name, JSON.stringify(value))
  } catch {}
}

/** @returns Undefined where there is none. */
export function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? undefined
  } catch {
    return undefined
  }
}
