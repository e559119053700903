/** API keys for own programs. */

import { client } from "../client.js"
import { element, find } from "../dom.js"
import { onSubmit, setFieldError } from "../form.js"
import { date, timeAgo } from "../format.js"
import { ask } from "../notices.js"
import { showSecrets } from "./dialogs.js"
import { whileFresh } from "./fresh.js"
import { listOf, thing } from "./things.js"

const { keys } = client.auth
const PART = "keys"
const DAY_MS = 24 * 60 * 60_000
/** What customers may do with each collection. */
const SCOPES = {
  cart: { title: "Cart", actions: ["read", "create", "update", "delete"] },
  orders: { title: "Orders", actions: ["read"] },
  orderItems: { title: "What was ordered", actions: ["read"] },
  reviews: { title: "Reviews", actions: ["read", "create", "update", "delete"] },
  films: { title: "Films", actions: ["read"] },
  directors: { title: "Directors", actions: ["read"] },
}

export function offerKeys() {
  find("#scopes").append(...Object.entries(SCOPES).map(scopeRow))
  const show = listOf(find("#key-list"), { load: keys.list, item, empty: "You have none." })
  onSubmit(find("#key-form"), ({ name, days }, form) =>
    whileFresh(PART, async () => {
      const scopes = [...form.querySelectorAll("[name=scopes]:checked")].map(({ value }) => value)
      if (scopes.length === 0) return setFieldError(find("[name=scopes]", form), "Tick at least one.")
      const expiresAt = days ? new Date(Date.now() + Number(days) * DAY_MS) : null
      const { key } = await keys.create({ name: name.trim(), scopes, expiresAt })
      form.reset()
      find("details.new-key").open = false
      await show()
      const text = "This is the only time that it is shown. A program sends it as “Authorization: Bearer …”."
      await showSecrets({ title: "Your new key", text, lines: [key], fileName: "selvedge-films-key.txt" })
    }),
  )
  show()

  function item({ id, name, prefix, scopes, expiresAt, lastUsedAt }) {
    const facts = [
      `${prefix}…`,
      scopes.join(", "),
      expiresAt ? `until ${date(expiresAt)}` : "never ends",
      lastUsedAt ? `used ${timeAgo(lastUsedAt)}` : "never used",
    ]
    const revoke = async () => {
      const text = "Programs that use it are refused within 30 seconds."
      if (!(await ask({ title: `Revoke “${name}”?`, text, yes: "Revoke it", isDangerous: true }))) return
      await keys.revoke(id)
      await show()
    }
    return thing(name, undefined, facts, [{ text: "Revoke", label: `Revoke ${name}`, part: PART, run: revoke }])
  }
}

function scopeRow([collection, { title, actions }]) {
  const boxes = actions.map((action) =>
    element(
      "label",
      {},
      element("input", { type: "checkbox", name: "scopes", value: `${collection}:${action}` }),
      element("span", {}, element("span", { class: "unseen" }, `${title}: `), action),
    ),
  )
  return element(
    "div",
    { class: "scope" },
    element("span", { "aria-hidden": "true" }, title),
    element("div", {}, ...boxes),
  )
}
