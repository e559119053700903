/** The operations of sign-in as the OpenAPI document lists them: a route that is added is among them by itself. */

import type { AuthScenario } from "./scenario.ts"

export interface Operation {
  /** As in `DELETE /v1/auth/sessions/{id}`. */
  readonly name: string
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  /** Whether the anonymous may call it. */
  readonly isOpen: boolean
  /** Fields of the body. */
  readonly fields: readonly string[]
}

interface Described {
  security: Record<string, unknown>[]
  requestBody?: { content: { "application/json": { schema: Schema } } }
}

interface Schema {
  $ref?: string
  properties?: Record<string, unknown>
  anyOf?: Schema[]
}

/** Those under `/v1/auth`, but for the pages that mails lead to: they are for browsers and take no caller. */
export async function authOperations(scenario: AuthScenario, under = "/v1/auth/"): Promise<Operation[]> {
  const { paths, components } = (await scenario.call("GET", "/openapi.json")).body
  const fieldsOf = ({ $ref, properties, anyOf = [] }: Schema = {}): string[] => [
    ...($ref ? fieldsOf(components.schemas[$ref.split("/").at(-1)!]) : []),
    ...Object.keys(properties ?? {}),
    ...anyOf.flatMap(fieldsOf),
  ]
  return Object.entries<Record<string, Described>>(paths)
    .filter(([path]) => path.startsWith(under) && !path.startsWith("/v1/auth/pages/"))
    .flatMap(([path, { parameters: _, ...operations }]) =>
      Object.entries(operations).map(([verb, { security, requestBody }]): Operation => {
        const method = verb.toUpperCase()
        return {
          name: `${method} ${path}`,
          method,
          path,
          isOpen: security.some((set) => Object.keys(set).length === 0),
          fields: fieldsOf(requestBody?.content["application/json"].schema),
        }
      }),
    )
}
