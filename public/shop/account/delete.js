/** The end of the account. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { askText } from "./dialogs.js"
import { onClick } from "./fresh.js"

export function offerDeletion() {
  onClick(find("#delete-account"), "delete", async () => {
    const expected = client.auth.user.email ?? "delete"
    const typed = await askText({
      title: "Delete your account?",
      text: "This can’t be undone. Your name, address, ways to sign in and cart go for good.",
      label: `Type ${expected} to go on`,
      yes: "Delete it for good",
      expected,
      isDangerous: true,
    })
    if (typed === undefined) return
    await client.auth.deleteUser()
    location.replace("/")
  })
}
