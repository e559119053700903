/** `/v1/auth/user`: the own account. */

import type { Hono } from "hono"
import * as z from "zod"
import { signedIn } from "../../../access/rules.ts"
import { changeOwnAccount, deleteOwnAccount, readOwnAccount } from "../../../auth/own-account.ts"
import { clearCookie, userSchema } from "../../auth/answers.ts"
import { name } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const getEndpoint = endpoint({
  summary: "Get the own account",
  access: signedIn,
  answer: { status: 200, description: "The account", schema: userSchema },
})

const changeEndpoint = endpoint({
  summary: "Change the own account",
  description: "Its address and password have routes of their own.",
  access: signedIn,
  body: z.strictObject({ name: name.nullable().optional() }),
  answer: { status: 200, description: "The account as it is now", schema: userSchema },
})

const deleteEndpoint = endpoint({
  summary: "Delete the own account",
  description:
    "Needs a sign-in of the last 10 minutes, but for anonymous users. All credentials, sessions and personal data go at once; what others see of the account names nobody. The last admin can't be deleted (409).",
  access: signedIn,
  answer: { status: 204, description: "It is gone" },
})

export function ownAccountRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.get("/v1/auth/user", getEndpoint, async (c) => c.json(await readOwnAccount(authContext(c, service)), 200))
  app.patch("/v1/auth/user", changeEndpoint, async (c) =>
    c.json(await changeOwnAccount(authContext(c, service), c.req.valid("json")), 200),
  )
  app.delete("/v1/auth/user", deleteEndpoint, async (c) => {
    await deleteOwnAccount(authContext(c, service))
    clearCookie(c)
    return c.body(null, 204)
  })
}
