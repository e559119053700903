/** Rules that a caller brings along in its roles, so that a test can draw them. */

import type { Caller } from "selvedge"

const RULE = "rule:"
const SEES_SECRETS = "sees secrets"

/** What the read rule of `cards` answers to a caller with these roles. */
export function rolesFor(answer: boolean | object, seesSecrets: boolean): string[] {
  return [`${RULE}${JSON.stringify(answer)}`, ...(seesSecrets ? [SEES_SECRETS] : [])]
}

export function ruleOf({ roles }: Caller): boolean | Record<never, never> {
  const drawn = roles.find((role) => role.startsWith(RULE))
  return drawn !== undefined && (JSON.parse(drawn.slice(RULE.length)) as boolean | Record<never, never>)
}

export const seesSecrets = ({ roles }: Caller): boolean => roles.includes(SEES_SECRETS)
