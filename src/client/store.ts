/** A value that changes, and who wants to know: what frameworks are tied to. */

export interface Store<V> {
  /** The same object until it changes. */
  get(): V
  /** @param changed Called after each change. @returns Ends it. */
  subscribe(changed: () => void): () => void
}

export class Value<V> implements Store<V> {
  readonly #listeners = new Set<() => void>()
  #value: V

  constructor(value: V) {
    this.#value = value
  }

  get(): V {
    return this.#value
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0
  }

  set(value: V): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) call(listener)
  }

  subscribe(changed: () => void): () => void {
    const listener = () => changed()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}

/** What a listener throws is its own: it is reported, and the others hear as well. */
export function call(listener: () => void): void {
  try {
    listener()
  } catch (error) {
    ;(globalThis.reportError ?? console.error)(error)
  }
}
