/** Passkeys: added, renamed, removed. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { date, timeAgo } from "../format.js"
import { ask, toast } from "../notices.js"
import { askText } from "./dialogs.js"
import { onClick } from "./fresh.js"
import { listOf, thing } from "./things.js"

const { passkeys } = client.auth
const PART = "passkeys"

export function offerPasskeys() {
  const show = listOf(find("#passkey-list"), { load: passkeys.list, item, empty: "You have none yet." })
  const add = find("#add-passkey")
  add.hidden = !passkeys.isSupported()
  onClick(add, PART, async () => {
    const { name } = await passkeys.add()
    toast(`The passkey “${name}” is yours.`)
    await show()
  })
  show()

  function item({ id, name, createdAt, lastUsedAt, backedUp }) {
    const facts = [
      `Added ${date(createdAt)}`,
      lastUsedAt && `used ${timeAgo(lastUsedAt)}`,
      backedUp && "on all your devices",
    ]
    const rename = async () => {
      const wanted = await askText({ title: "Name the passkey", label: "Name", value: name, yes: "Save" })
      if (!wanted || wanted === name) return
      await passkeys.rename(id, wanted)
      await show()
    }
    const remove = async () => {
      const text = "It signs you in no more, and all your other devices are signed out."
      if (!(await ask({ title: `Remove “${name}”?`, text, yes: "Remove it", isDangerous: true }))) return
      await passkeys.remove(id)
      await show()
    }
    return thing(name, undefined, facts, [
      { text: "Rename", label: `Rename ${name}`, part: PART, run: rename },
      { text: "Remove", label: `Remove ${name}`, part: PART, run: remove },
    ])
  }
}
