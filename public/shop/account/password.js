/** The password. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { onSubmit } from "../form.js"
import { toast } from "../notices.js"
import { onClick } from "./fresh.js"

const { auth } = client

export function offerPassword() {
  const form = find("#password-form")
  form.elements.username.value = auth.user.email ?? ""
  onSubmit(form, async ({ currentPassword, password }) => {
    await auth.changePassword({ currentPassword, password })
    form.reset()
    toast("Your password is changed. All other devices are signed out.")
  })
  onClick(find("#forgot"), "password", async () => {
    await auth.forgotPassword(auth.user.email)
    toast(`A mail with a link to choose a password is on its way to ${auth.user.email}.`)
  })
}
