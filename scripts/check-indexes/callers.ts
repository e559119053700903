/** The callers that a check of rules tries: each kind, and each role that some rule asks for. */

import type { Collections } from "../../src/access/model.ts"
import { ANONYMOUS, type Caller } from "../../src/core/caller.ts"

const USER_ID = "00000000-0000-7000-8000-000000000000"

export interface NamedCaller {
  readonly name: string
  readonly caller: Caller
}

/** Nobody, a plain user, users with each role, and one with all of them. The service is bound by no rule. */
export function callersOf(collections: Collections): NamedCaller[] {
  const roles = rolesOf(collections)
  const user = (name: string, held: readonly string[]): NamedCaller => ({ name, caller: withRoles(held) })
  return [
    { name: "anonymous", caller: ANONYMOUS },
    user("user", []),
    ...roles.map((role) => user(`role ${role}`, [role])),
    ...(roles.length > 1 ? [user(`roles ${roles.join(" and ")}`, roles)] : []),
  ]
}

/** A rule may ask for a second role only when the first is held, so roles that were found are held in the next round. */
function rolesOf(collections: Collections): string[] {
  const rules = [...collections.values()].flatMap(({ access, fields }) => [
    ...Object.values(access),
    ...[...fields.values()].map((field) => field.read),
  ])
  const found = new Set<string>()
  for (let known = -1; known < found.size; ) {
    known = found.size
    const held = [[], [...found], ...[...found].map((role) => [role])]
    for (const rule of rules) for (const roles of held) rule?.(withRoles(recording(roles, found)))
  }
  return [...found].sort()
}

function recording(held: readonly string[], asked: Set<string>): readonly string[] {
  return new Proxy(held, {
    get: (target, key, receiver) => {
      if (key !== "includes" && key !== "indexOf") return Reflect.get(target, key, receiver)
      return (role: string) => {
        asked.add(role)
        return target[key](role)
      }
    },
  })
}

function withRoles(roles: readonly string[]): Caller {
  return { kind: "user", id: USER_ID, roles }
}
