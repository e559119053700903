/** Sign-in with a link by mail. It leads to a page of ours, and the page's button back to the site with a code. */

import type { AuthContext } from "./context.ts"
import { mintExchange } from "./exchange.ts"
import { orderMail } from "./mail-orders.ts"
import { redeem, refuseSecret } from "./one-time.ts"
import { checkRedirect, redirectBack } from "./redirects.ts"

export interface LinkOrder {
  readonly email: string
  /** Where the site wants its user back. */
  readonly redirectTo: string
  /** PKCE S256 of the site. */
  readonly codeChallenge: string
}

/**
 * One trip, whether or not the address is known. A newer link takes the place of the older one.
 *
 * @param origins The sites that may ask.
 * @throws SelvedgeError `validation_failed` for an address of another site, or `rate_limited`.
 */
export async function mailLink(context: AuthContext, origins: readonly string[], order: LinkOrder): Promise<void> {
  const { email } = order
  checkRedirect([...origins, context.baseUrl], order.redirectTo)
  await context.guessing.count("mail", email)
  const mail = orderMail(context, "sign-in-link", { to: email, subject: email, payload: { ...order } })
  await context.db.write(mail.queries)
  mail.committed()
}

/**
 * Two trips.
 *
 * @returns The address of the site, with the code that it exchanges.
 * @throws SelvedgeError `invalid_credentials`
 */
export async function redeemLink(context: AuthContext, token: string): Promise<string> {
  const redeemed = await redeem(context, "sign-in-link", token)
  if (!redeemed) throw refuseSecret("token")
  const { email, redirectTo, codeChallenge } = redeemed.payload as unknown as LinkOrder
  const { secret, queries } = mintExchange(context, { arrival: { email }, method: "email-link", codeChallenge })
  await context.db.write(queries)
  return redirectBack(redirectTo, { code: secret })
}
