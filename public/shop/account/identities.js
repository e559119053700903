/** Accounts at providers that sign in to this one; only where the shop has providers. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { date } from "../format.js"
import { ask, toast } from "../notices.js"
import { listOf, thing } from "./things.js"

const { auth } = client
const PART = "others"
const TITLES = { google: "Google", github: "GitHub", oidc: "Your company" }

export async function showIdentities() {
  const [providers, identities] = await Promise.all([auth.providers(), auth.identities.list()]).catch(() => [[], []])
  if (providers.length + identities.length === 0) return
  for (const part of document.querySelectorAll("[data-for=providers]")) part.hidden = false
  const show = listOf(find("#identity-list"), { load, item })
  show()

  async function load() {
    const linked = await auth.identities.list()
    const others = providers.filter(({ name }) => !linked.some(({ provider }) => provider === name))
    return [...linked, ...others.map(({ name }) => ({ provider: name }))]
  }

  function item({ provider, issuer, email, createdAt }) {
    const title = TITLES[provider] ?? provider ?? issuer
    const redirectTo = `${location.origin}/back?${new URLSearchParams({ next: `/account#${PART}` })}`
    const link = () => auth.identities.link(provider, { redirectTo })
    const unlink = async () => {
      const text = "It signs you in no more, and all your other devices are signed out."
      if (!(await ask({ title: `Unlink ${title}?`, text, yes: "Unlink it", isDangerous: true }))) return
      await auth.identities.remove(provider)
      toast(`${title} is unlinked.`)
      await show()
    }
    if (!createdAt)
      return thing(title, undefined, ["Not linked"], [{ text: "Link", label: `Link ${title}`, part: PART, run: link }])
    const button = provider && { text: "Unlink", label: `Unlink ${title}`, part: PART, run: unlink }
    return thing(title, "Linked", [email, `since ${date(createdAt)}`], [button])
  }
}
