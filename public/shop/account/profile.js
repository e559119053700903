/** Name and address. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { onSubmit } from "../form.js"
import { toast } from "../notices.js"
import { onClick, whileFresh } from "./fresh.js"

const { auth } = client

export function offerProfile() {
  auth.onAuthChange(show)
  onSubmit(find("#name-form"), async ({ name }) => {
    await auth.updateUser({ name: name.trim() || null })
    toast("Your name is saved.")
  })
  onSubmit(find("#email-form"), ({ email }, form) =>
    whileFresh("you", async () => {
      await auth.changeEmail(email.trim())
      form.elements.email.value = auth.user.email ?? ""
      find("#email-news").textContent =
        `A mail is on its way to ${email.trim()}. The address changes when its link is used.`
    }),
  )
  onClick(find("#verify"), "you", async () => {
    await auth.requestVerification()
    find("#email-news").textContent = `A mail is on its way to ${auth.user.email}.`
  })
}

/** What somebody is typing stays. */
function show(user) {
  if (!user) return
  const { name, email } = { name: find("#name"), email: find("#email") }
  if (document.activeElement !== name) name.value = user.name ?? ""
  if (document.activeElement !== email) email.value = user.email ?? ""
  const tag = find("#verified")
  tag.textContent = user.emailVerified ? "Confirmed" : "Not confirmed"
  tag.className = `tag ${user.emailVerified ? "good" : "warn"}`
  find("#verify").hidden = user.emailVerified || user.email === null
  find("#unconfirmed").hidden = user.emailVerified || user.email === null
}
