/** The headers of `public/_headers`, as the edge sets them; the policy lets pages ask the API at its own origin too. */

import { readFile } from "node:fs/promises"
import { join } from "node:path"

const POLICY = "content-security-policy"

export interface HeaderRule {
  readonly path: RegExp
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** None where there is no such file. */
export async function readHeaderRules(folder: string, api: string): Promise<HeaderRule[]> {
  const text = await readFile(join(folder, "_headers"), "utf8").catch(() => "")
  const rules: { path: RegExp; headers: [string, string][] }[] = []
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s+([\w-]+):\s*(.*?)\s*$/.exec(line) ?? []
    if (name) rules.at(-1)?.headers.push([name, name.toLowerCase() === POLICY ? withApi(value!, api) : value!])
    else if (line.startsWith("/")) rules.push({ path: patternOf(line.trim()), headers: [] })
  }
  return rules
}

/** Values of several rules for one name are joined. */
export function headersFor(rules: readonly HeaderRule[], pathname: string): Map<string, string> {
  const headers = new Map<string, string>()
  for (const [name, value] of rules.filter(({ path }) => path.test(pathname)).flatMap((rule) => rule.headers)) {
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}

/** `*` is anything. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`)
}

function withApi(policy: string, api: string): string {
  const directives = new Map(
    policy.split(";").flatMap((text) => {
      const [name, ...values] = text.trim().split(/\s+/)
      return name ? [[name, values] as const] : []
    }),
  )
  const more = { "connect-src": [api, api.replace(/^http/, "ws")], "script-src": [api] }
  for (const [name, origins] of Object.entries(more)) {
    const given = directives.get(name) ?? directives.get("default-src")
    if (given) directives.set(name, [...given.filter((value) => value !== "'none'"), ...origins])
  }
  return [...directives].map(([name, values]) => [name, ...values].join(" ")).join("; ")
}
