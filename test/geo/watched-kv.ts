/** The real KV, which counts what it is asked. */

export interface KvCount {
  reads: number
  writes: number
}

/** @param count Grows with every call; a read of several names is one. */
export function watchKv(kv: KVNamespace, count: KvCount): KVNamespace {
  return new Proxy(kv, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      return (...values: unknown[]) => {
        if (name === "get") count.reads++
        else count.writes++
        return value.apply(target, values)
      }
    },
  })
}
