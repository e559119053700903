import { SelvedgeError } from "../core/problem.ts"

/** A 405 that says which methods the path has. */
export function methodNotAllowed(methods: readonly string[]): SelvedgeError {
  return new SelvedgeError("method_not_allowed", `This path takes ${methods.join(", ")}.`, {
    headers: { Allow: [...methods, "OPTIONS"].join(", ") },
  })
}
