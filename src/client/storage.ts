/** Where the refresh token is kept. */

import { type TextStorage, webStorage } from "./platform.ts"

/** What keeps the refresh token. */
export type Keeping = "local" | "session" | "memory" | "cookie" | TextStorage

/** @returns Undefined where memory has to do. */
export function storageOf(keeping: Keeping): TextStorage | undefined {
  if (typeof keeping === "object") return keeping
  return keeping === "memory" ? undefined : webStorage(keeping === "session" ? "sessionStorage" : "localStorage")
}

/** Where it throws, since it is full or forbidden, memory takes its place. */
export function forgiving(storage: TextStorage): TextStorage {
  let present = storage
  function use<V>(work: (storage: TextStorage) => V, name: string): V {
    try {
      return work(present)
    } catch {
      present = memoryStorage()
      try {
        storage.removeItem(name) // what it holds is over
      } catch {}
      return work(present)
    }
  }
  return {
    getItem: (name) => use((at) => at.getItem(name), name),
    setItem: (name, value) => use((at) => at.setItem(name, value), name),
    removeItem: (name) => use((at) => at.removeItem(name), name),
  }
}

/** Where nothing outlives the program. */
export function memoryStorage(): TextStorage {
  const values = new Map<string, string>()
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  }
}
