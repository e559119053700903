/** Signing in, by each method that the shop has on. */

import { client, isProblem } from "./client.js"
import { api } from "./config.js"
import { element, find } from "./dom.js"
import { onSubmit, setFieldError, showProblem } from "./form.js"
import { keep, kept } from "./kept.js"
import { nextPath } from "./next.js"

const TITLES = { google: "Google", github: "GitHub", oidc: "your company" }
const MAILED = {
  link: "The mail has a link that signs you in, good for 15 minutes. Open it in this browser.",
  forgot: "If the address has an account, a mail with a link to choose a new password is on its way.",
  verify: "The mail has a link that confirms your address. Then sign in.",
}

const { auth } = client
const form = find("#password-form")
const { email, password, intent } = form.elements
const isAgain = new URLSearchParams(location.search).has("again")
/** Of a sign-in that needs its second factor. */
let ticket
let factor = "totp"

begin()

function begin() {
  const { user } = auth
  if (user && !user.isAnonymous && !isAgain) showStep("done")
  if (isAgain) {
    email.value = user?.email ?? ""
    say("Sign in once more, so that we know that it is you.")
  } else if (user?.isAnonymous) say("What is in your cart comes with you, to a new account and to one that you have.")
  takeTicket()
  showIntent()
  showProviders()
  showLocalHints()
  offerPasskeys()
  auth.onAuthChange((now) => {
    if (!now && !find("[data-step=done]").hidden) showStep("start")
    if (now && !now.isAnonymous && !find("[data-step=sent]").hidden) showStep("done") // by the link, in another tab
  })
}

onSubmit(form, ({ name }) =>
  patiently(form, async () => {
    const account = { email: email.value.trim(), password: password.value }
    if (intent.value === "in") return goOn(await auth.signIn(account))
    const { user } = await auth.signUp({ ...account, ...(name.trim() && { name: name.trim() }) }).catch(explainConflict)
    if (user) goOn({ user })
    else showSent("verify")
  }),
)

onSubmit(find("#code-form"), ({ code }, codeForm) =>
  patiently(codeForm, async () => goOn(await auth.signInWithCode({ email: email.value.trim(), code }))),
)

onSubmit(find("#factor-form"), ({ code }, factorForm) =>
  patiently(factorForm, async () => goOn(await auth.verifySecondFactor({ ticket, method: factor, code: code.trim() }))),
)

form.addEventListener("change", ({ target }) => target.name === "intent" && showIntent())
find("#passkey").addEventListener("click", () => attempt(async () => goOn(await auth.passkeys.signIn())))
find("#send-code").addEventListener("click", () =>
  attempt(async () => {
    await auth.sendCode(givenEmail())
    showStep("code")
  }),
)
find("#send-link").addEventListener("click", () =>
  attempt(async () => {
    await auth.sendLink(givenEmail(), { redirectTo: backUrl() })
    showSent("link")
  }),
)
find("#forgot").addEventListener("click", () =>
  attempt(async () => {
    await auth.forgotPassword(givenEmail())
    showSent("forgot")
  }),
)
find("#other-factor").addEventListener("click", () => showFactor(factor === "totp" ? "recovery" : "totp"))
find("#sign-out").addEventListener("click", () => attempt(() => auth.signOut()))
for (const button of document.querySelectorAll("[data-back]")) button.addEventListener("click", () => showStep("start"))

function showIntent() {
  const isNew = intent.value === "up"
  find("#start-title").textContent = isNew ? "Create an account" : isAgain ? "Sign in again" : "Sign in"
  find("#go").textContent = isNew ? "Create the account" : "Sign in"
  find("#name-field").hidden = !isNew
  find("#password-hint").hidden = !isNew
  find("#forgot").hidden = isNew
  password.autocomplete = isNew ? "new-password" : "current-password"
  password.minLength = isNew ? 8 : 0
}

/** Of a sign-in by link or provider, from the page that it came back to. */
function takeTicket() {
  const mfa = kept("mfa")
  keep("mfa", undefined)
  if (mfa) goOn({ mfa })
}

/** By the button, and among what the browser suggests in the field for the address. */
async function offerPasskeys() {
  if (!auth.passkeys.isSupported()) return
  find("#passkey").hidden = false
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return
  await auth.passkeys.signIn({ autofill: true }).then(goOn, (error) => {
    if (error.name === "SecurityError")
      find("#passkey").hidden = true // a site without a name, such as 127.0.0.1, has none
    else if (!isProblem(error, "cancelled", "unreachable")) showProblem(form, error)
  })
}

/** Providers that the API has secrets of; in most local work there are none. */
async function showProviders() {
  const providers = await auth.providers().catch(() => [])
  const buttons = providers.flatMap(({ name }) => {
    const title = TITLES[name] ?? name
    const byRedirect = () => attempt(() => auth.signInWithRedirect(name, { redirectTo: backUrl() }))
    const byPopup = () => attempt(async () => goOn(await auth.signInWithPopup(name, { redirectTo: backUrl() })))
    return element(
      "div",
      { class: "provider" },
      element("button", { type: "button", class: "button quiet", onclick: byRedirect }, `Go on with ${title}`),
      element("button", { type: "button", class: "plain", onclick: byPopup }, "in a small window"),
    )
  })
  find("#providers").append(...buttons)
  find("#providers").hidden = buttons.length === 0
}

/** Who signs in with a second factor is asked for it; others are where they wanted to be. */
function goOn({ mfa }) {
  if (!mfa) return location.replace(nextPath())
  ticket = mfa.ticket
  showFactor(mfa.methods[0])
  showStep("factor")
}

function showFactor(method) {
  const isApp = method === "totp"
  factor = method
  find("#factor-text").textContent = isApp
    ? "Your account asks for the code that your authenticator app shows now."
    : "Type one of the recovery codes that you kept. Each is good once."
  find("#factor-label").textContent = isApp ? "Authenticator’s code" : "Recovery code"
  find("#factor-code").inputMode = isApp ? "numeric" : "text"
  find("#other-factor").textContent = isApp ? "Use a recovery code" : "Use the authenticator"
  find("#factor-code").value = ""
  find("#factor-code").focus()
}

function showSent(kind) {
  find("#sent-text").textContent = MAILED[kind]
  showStep("sent")
}

function showStep(name) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name
  for (const place of document.querySelectorAll("[data-email]")) place.textContent = email.value.trim()
  find("#who").textContent = auth.user?.email ?? auth.user?.name ?? ""
  find("#go-on").href = nextPath()
  const step = find(`[data-step=${name}]`)
  const first = step.querySelector("input:not([type=radio])") ?? find("h1", step)
  first.focus()
}

/** What a click on one of the other ways does; its problem stands in the form above. */
async function attempt(work) {
  find(".form-error", form).hidden = true
  try {
    await patiently(form, work)
  } catch (error) {
    if (!(error instanceof MissingEmail) && !isProblem(error, "cancelled", "popup_closed")) showProblem(form, error)
  }
}

class MissingEmail extends Error {}

/** For the ways that need nothing but an address. */
function givenEmail() {
  setFieldError(email, email.validity.valid ? "" : `${email.validationMessage} The mail goes there.`)
  if (email.validity.valid) return email.value.trim()
  email.focus()
  throw new MissingEmail()
}

function explainConflict(error) {
  if (isProblem(error, "conflict")) say("That address has an account here. Sign in with it, or let us mail you a code.")
  throw error
}

/** After too many tries the form says how long to wait, and counts. */
async function patiently(within, work) {
  try {
    return await work()
  } catch (error) {
    if (isProblem(error, "rate_limited")) countDown(within, error.retryAfter ?? 60)
    throw error
  }
}

/** Screen readers hear of it once, and not each second. */
function countDown(within, seconds) {
  const place = find(".form-error", within)
  const clock = element("span", { role: "timer" }, clockText(seconds))
  const until = Date.now() + seconds * 1_000
  setTimeout(() => place.replaceChildren("Too many tries. Try again in ", clock, ".")) // after the problem is shown
  const timer = setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1_000)
    clock.textContent = clockText(left)
    if (left > 0 && clock.isConnected) return
    if (clock.isConnected) place.textContent = "You can try again now."
    clearInterval(timer)
  }, 1_000)
}

function clockText(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

function backUrl() {
  return `${location.origin}/back?${new URLSearchParams({ next: nextPath() })}`
}

function say(text) {
  find("#why").textContent = text
  find("#why").hidden = false
}

/** On a developer's machine mails are caught. */
function showLocalHints() {
  if (!["localhost", "127.0.0.1"].includes(new URL(api).hostname)) return
  for (const hint of document.querySelectorAll("[data-local]")) {
    hint.textContent =
      "This is a developer’s machine, which no mail leaves: it stands in the output of npm run dev, and admins find it at /v1/admin/mails."
    hint.hidden = false
  }
}
