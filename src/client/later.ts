/** What is found by its name, and methods that are loaded with the first call of one. */

import { unreachable } from "./problem.ts"

type Methods = Readonly<Record<string, (...given: readonly unknown[]) => unknown>>

/** Any property, by its name. A promise asks for `then`, and must not find it. */
export function named(find: (name: string) => unknown): unknown {
  return new Proxy({}, { get: (_, name) => (typeof name === "symbol" || name === "then" ? undefined : find(name)) })
}

/**
 * @param load Gives an object whose methods all return promises.
 * @param now What is there at once.
 */
export function later<M extends object, N extends object = object>(load: () => Promise<M>, now = {} as N): M & N {
  const find =
    (name: string) =>
    async (...given: readonly unknown[]) => {
      const methods = await load().catch((cause: unknown) => {
        throw unreachable(cause)
      })
      return (methods as Methods)[name]!(...given)
    }
  return named((name) => (name in now ? now[name as keyof N] : find(name))) as M & N
}
