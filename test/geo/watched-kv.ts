/** The real KV, which counts what it is asked. */

export interface KvCount {
  reads: number
  /** Each is billed, also where one read asks for several. */
  keysRead: number
  writes: number
}

/** @param count Grows with every call. */
export function watchKv(kv: KVNamespace, count: KvCount): KVNamespace {
  return new Proxy(kv, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      return (...values: unknown[]) => {
        if (name === "get") {
          count.reads++
          count.keysRead += Array.isArray(values[0]) ? values[0].length : 1
        } else count.writes++
        return value.apply(target, values)
      }
    },
  })
}
