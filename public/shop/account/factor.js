/** The second step: an authenticator app, and recovery codes for the day when it is lost. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { onSubmit } from "../form.js"
import { ask, toast } from "../notices.js"
import { showSecrets } from "./dialogs.js"
import { onClick, whileFresh } from "./fresh.js"
import { qrCode } from "./qr.js"

const { auth } = client
const PART = "second-step"

export function offerSecondStep() {
  auth.onAuthChange(show)
  onClick(find("#factor-start"), PART, async () => {
    const { secret, uri } = await auth.totp.start()
    // the link and the secret do without it
    const picture = await qrCode(uri, "QR code for your authenticator app").catch(() => "")
    showSetup(secret, uri, picture)
  })
  find("#factor-cancel").addEventListener("click", hideSetup)
  onSubmit(find("#factor-form"), ({ code }) =>
    whileFresh(PART, async () => {
      const codes = await auth.totp.activate(code)
      hideSetup()
      await showCodes(codes)
      await auth.refreshUser()
    }),
  )
  onClick(find("#factor-codes"), PART, async () => {
    const text = "The codes that you have now stop working."
    if (await ask({ title: "Make new recovery codes?", text, yes: "Make them" }))
      await showCodes(await auth.totp.renewRecoveryCodes())
  })
  onClick(find("#factor-remove"), PART, async () => {
    const text = "A password alone signs in from then on. All your other devices are signed out."
    if (!(await ask({ title: "Turn the second step off?", text, yes: "Turn it off", isDangerous: true }))) return
    await auth.totp.remove()
    await auth.refreshUser()
    toast("The second step is off.")
  })
}

function show(user) {
  if (!user) return
  const tag = find("#factor-state")
  tag.textContent = user.mfa ? "On" : "Off"
  tag.className = `tag ${user.mfa ? "good" : ""}`
  find("#factor-on").hidden = !user.mfa
  if (user.mfa) hideSetup()
  find("#factor-off").hidden = user.mfa || !find("#factor-setup").hidden
}

function showSetup(secret, uri, picture) {
  find("#factor-qr").replaceChildren(picture)
  find("#factor-secret").textContent = secret.replace(/.{4}(?=.)/g, "$& ")
  find("#factor-link").href = uri
  find("#factor-setup").hidden = false
  find("#factor-off").hidden = true
  find("#factor-code").focus()
}

/** The secret leaves the page with it. */
function hideSetup() {
  find("#factor-qr").replaceChildren()
  find("#factor-secret").textContent = ""
  find("#factor-link").removeAttribute("href")
  find("#factor-form").reset()
  find("#factor-setup").hidden = true
  find("#factor-off").hidden = auth.user?.mfa ?? true
}

function showCodes(lines) {
  return showSecrets({
    title: "Your recovery codes",
    text: "Each signs you in once in place of the app, should you lose your phone. They are shown now and never again: keep them somewhere else.",
    lines,
    fileName: "selvedge-films-recovery-codes.txt",
  })
}
