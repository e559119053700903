/** The real KV, where each test has names of its own, counts what is asked, and may let it fail or hang. */

import { env } from "cloudflare:workers"

export interface PrivateKv {
  readonly kv: KVNamespace
  reads: number
  puts: number
  fault: "fails" | "hangs" | undefined
  /** What is stored. */
  values(): Promise<Map<string, string>>
  set(name: string, value: string): Promise<void>
  remove(name: string): Promise<void>
}

export function createPrivateKv(): PrivateKv {
  const prefix = `${crypto.randomUUID()}:`
  async function meet(): Promise<void> {
    if (privately.fault === "fails") throw new Error("KV GET failed: 500 Internal Server Error")
    if (privately.fault === "hangs") await new Promise(() => {})
  }
  const kv = {
    async get(names: string | string[]) {
      privately.reads++
      await meet()
      if (typeof names === "string") return env.CACHE.get(prefix + names)
      const values = await env.CACHE.get(names.map((name) => prefix + name))
      return new Map([...values].map(([name, value]) => [name.slice(prefix.length), value]))
    },
    async put(name: string, value: string, options?: KVNamespacePutOptions) {
      privately.puts++
      await meet()
      await env.CACHE.put(prefix + name, value, options)
    },
  } as unknown as KVNamespace
  const privately: PrivateKv = {
    kv,
    reads: 0,
    puts: 0,
    fault: undefined,
    async values() {
      const { keys } = await env.CACHE.list({ prefix })
      const found = keys.map(async ({ name }) => [name.slice(prefix.length), await env.CACHE.get(name)] as const)
      return new Map((await Promise.all(found)) as [string, string][])
    },
    set: (name, value) => env.CACHE.put(prefix + name, value),
    remove: (name) => env.CACHE.delete(prefix + name),
  }
  return privately
}
