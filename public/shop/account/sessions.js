/** Where the account is signed in. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { timeAgo } from "../format.js"
import { ask, toast } from "../notices.js"
import { onClick } from "./fresh.js"
import { listOf, thing } from "./things.js"

const { sessions } = client.auth
const PART = "sessions"

export function showSessions() {
  const endOthers = find("#end-others")
  const load = async () => {
    const all = await sessions.list()
    endOthers.hidden = all.length < 2
    return all.toSorted((a, b) => Number(b.current) - Number(a.current))
  }
  const show = listOf(find("#session-list"), { load, item })
  onClick(endOthers, PART, async () => {
    const text = "Every other browser and device has to sign in again."
    if (!(await ask({ title: "Sign out everywhere else?", text, yes: "Sign them out" }))) return
    await sessions.endOthers()
    toast("You are signed in here alone.")
    await show()
  })
  show()

  function item({ id, current, device, place, lastUsedAt, aal }) {
    const facts = [
      place,
      current ? "in use now" : `last used ${timeAgo(lastUsedAt)}`,
      aal === 2 && "with the second step",
    ]
    const end = async () => {
      await sessions.end(id)
      toast(`${device} is signed out.`)
      await show()
    }
    return thing(device, current ? "This device" : undefined, facts, [
      !current && { text: "Sign out", label: `Sign out ${device}`, part: PART, run: end },
    ])
  }
}
