/** Who may use `/v1/admin`: the role `admin`, by a session or by a key with the scope `admin`, and the service. */

import type { CallerRule } from "../access/rules.ts"

export const admin: CallerRule = (caller) =>
  caller.kind === "service" || (caller.roles.includes("admin") && (caller.scopes?.has("admin") ?? true))
