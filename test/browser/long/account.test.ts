/** The account's page: passkeys, the second step, sessions, keys, and the end of it. */

import { generateSync } from "otplib"
import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { type SignedInPerson, withBrowser } from "../people.ts"
import { call, mailTo, PASSWORD, SHOP } from "../shop.ts"
import { signInByForm, untilSignedIn } from "../steps.ts"

const { customer } = withBrowser()

test("a passkey is added, renamed, signs in, and is removed", async () => {
  const { page } = await onAccountPage("Ada")
  const devices = await page.context().newCDPSession(page)
  await devices.send("WebAuthn.enable")
  await devices.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  const passkeys = page.getByRole("region", { name: "Passkeys" })
  await passkeys.getByText("You have none yet.").waitFor()
  await passkeys.getByRole("button", { name: "Add a passkey" }).click()
  await passkeys.getByRole("button", { name: /^Rename/ }).click()
  await page.getByRole("dialog").getByLabel("Name").fill("My laptop")
  await page.keyboard.press("Enter")
  await passkeys.getByText("My laptop").waitFor()

  await signOut(page)
  // or this device, which always agrees, signs in before the click
  await page.addInitScript("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
  await page.goto("/sign-in?next=%2Faccount")
  await page.getByRole("button", { name: "Use a passkey" }).click()
  await untilSignedIn(page, "Ada")
  await passkeys.getByRole("button", { name: "Remove My laptop" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Remove it" }).click()
  await passkeys.getByText("You have none yet.").waitFor()
})

test("the second step is turned on, asked for, passed by the app and by a recovery code, and turned off", async () => {
  const { page, email, mayMeet } = await onAccountPage("Ada")
  mayMeet(401)
  const step = page.getByRole("region", { name: "Second step" })
  await step.getByRole("button", { name: "Set up an authenticator app" }).click()
  const secret = await untilText(step.locator(".secret"))
  await step.getByRole("img", { name: "QR code" }).waitFor()
  await step.getByLabel("The code that the app shows").fill(generateSync({ secret }))
  await step.getByRole("button", { name: "Turn it on" }).click()
  const codes = page.getByRole("dialog", { name: "Your recovery codes" })
  await codes.waitFor()
  const [first] = await codes.getByRole("listitem").allTextContents()
  expect(await codes.getByRole("listitem").count()).toBe(10)
  await codes.getByRole("button", { name: "I have kept them" }).click()
  await step.getByText("On", { exact: true }).waitFor()

  await signOut(page)
  await page.goto("/sign-in?next=%2Faccount")
  await signInByForm(page, email)
  await page.getByRole("button", { name: "Use a recovery code" }).click()
  await page.getByLabel("Recovery code").fill("not-one-of-them")
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await expect.poll(() => page.getByLabel("Recovery code").getAttribute("aria-invalid")).toBe("true")
  await page.getByLabel("Recovery code").fill(first!)
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await untilSignedIn(page, "Ada")
  await step.getByRole("button", { name: "Turn it off" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Turn it off" }).click()
  await step.getByText("Off", { exact: true }).waitFor()
})

test("a session on another device is seen and ended", async () => {
  const ada = await onAccountPage("Ada")
  const phone = await ada.context.browser()!.newContext({ baseURL: SHOP })
  const page = await phone.newPage()
  await page.goto("/sign-in?next=%2Faccount")
  await signInByForm(page, ada.email)
  await page.getByRole("heading", { name: "Hello, Ada" }).waitFor()

  await ada.page.reload()
  const sessions = ada.page.getByRole("region", { name: "Where you are signed in" })
  expect(await sessions.getByText("This device").count()).toBeLessThan(2)
  await sessions.getByRole("button", { name: "Sign out everywhere else" }).click()
  await ada.page.getByRole("dialog").getByRole("button", { name: "Sign them out" }).click()
  await expect.poll(() => sessions.getByRole("listitem").count()).toBe(1)
  await page.reload()
  await page.getByRole("heading", { name: "You are signed out" }).waitFor()
  await phone.close()
})

test("a key is made, shown once, acts within its scopes, and is revoked", async () => {
  const { page } = await onAccountPage("Ada")
  const keys = page.getByRole("region", { name: "API keys" })
  await keys.getByText("Make a key").click()
  await keys.getByLabel("Name").fill("Backup at home")
  await keys.getByRole("checkbox", { name: "Cart: read" }).check()
  await keys.getByRole("button", { name: "Make the key" }).click()
  const dialog = page.getByRole("dialog", { name: "Your new key" })
  const key = await untilText(dialog.getByRole("listitem"))
  await dialog.getByRole("button", { name: "I have kept it" }).click()
  expect(await call("GET", "/v1/cart", undefined, key)).toMatchObject({ data: [] })
  await expect(call("GET", "/v1/orders", undefined, key)).rejects.toThrow("403")
  await keys.getByRole("button", { name: "Revoke Backup at home" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Revoke it" }).click()
  await keys.getByText("You have none.").waitFor()
})

test("a new name shows at once in every tab, and a new address after its mail", async () => {
  const ada = await onAccountPage("Ada")
  const other = await ada.tab()
  await other.goto("/cart")
  const you = ada.page.getByRole("region", { name: "You", exact: true })
  await you.getByLabel("Name").fill("Ada L.")
  await you.getByRole("button", { name: "Save the name" }).click()
  for (const page of [ada.page, other]) await untilSignedIn(page, "Ada L.")
  const address = `new-${ada.email}`
  await you.getByLabel(/^E-mail address/).fill(address)
  await you.getByRole("button", { name: "Change the address" }).click()
  const { text } = await mailTo(address, /./)
  await other.goto(/http\S+token=[\w-]+/.exec(text)![0])
  await other.getByRole("button").click()
  await other.getByText("is the address of your account").waitFor()
  await ada.page.reload()
  await expect.poll(() => you.getByLabel(/^E-mail address/).inputValue()).toBe(address)
})

test("a changed password is the one that signs in", async () => {
  const { page, email, mayMeet } = await onAccountPage("Ada")
  mayMeet(401)
  const section = page.getByRole("region", { name: "Password" })
  await section.getByLabel("Present password").fill(PASSWORD)
  await section.getByLabel("New password").fill("another long passphrase")
  await section.getByRole("button", { name: "Change the password" }).click()
  await page
    .getByRole("status")
    .filter({ hasText: /password/i })
    .first()
    .waitFor()
  await expect(call("POST", "/v1/auth/sign-in", { email, password: PASSWORD })).rejects.toThrow("401")
  await call("POST", "/v1/auth/sign-in", { email, password: "another long passphrase" })
})

test("an account is deleted for good, and its tabs are signed out", async () => {
  const ada = await onAccountPage("Ada")
  await ada.page.getByRole("button", { name: "Delete my account …" }).click()
  const dialog = ada.page.getByRole("dialog")
  const go = dialog.getByRole("button", { name: "Delete it for good" })
  expect(await go.isDisabled()).toBe(true)
  await dialog.getByRole("textbox").fill(ada.email)
  await ada.page.keyboard.press("Enter")
  await ada.page.waitForURL(`${SHOP}/`)
  await ada.page.getByRole("link", { name: "Sign in", exact: true }).first().waitFor()
  await expect(call("POST", "/v1/auth/sign-in", { email: ada.email, password: PASSWORD })).rejects.toThrow("401")
})

async function onAccountPage(name: string): Promise<SignedInPerson> {
  const person = await customer(name)
  await person.page.goto("/account")
  await person.page.getByRole("heading", { name: `Hello, ${name}` }).waitFor()
  return person
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Sign out", exact: true }).first().click()
  await page.getByRole("heading", { name: "You are signed out" }).waitFor()
}

/** Without the gaps that make it readable. */
async function untilText(place: ReturnType<Page["locator"]>): Promise<string> {
  await expect.poll(async () => (await place.textContent())?.trim()).toMatch(/./)
  return (await place.textContent())!.replaceAll(" ", "")
}
