/** Each way to sign in, on the shop's own pages. */

import type { Locator } from "playwright-core"
import { expect, test } from "vitest"
import { withBrowser } from "../people.ts"
import { mailTo, newEmail, SHOP } from "../shop.ts"
import { openSignIn, signInByForm, signUpByForm, untilSignedIn } from "../steps.ts"

const { person, customer } = withBrowser()

test("a new customer signs up, is sent where they wanted to be, and stays signed in", async () => {
  const { page, tab } = await person()
  await page.goto("/sign-in?next=%2Froom")
  await signUpByForm(page, { name: "Ada", email: newEmail("Ada") })
  expect(new URL(page.url()).pathname).toBe("/room")
  await page.reload()
  await untilSignedIn(page, "Ada")
  const other = await tab()
  await other.goto("/")
  await untilSignedIn(other, "Ada")
})

test("nobody is led to another site after signing in", async () => {
  const ada = await customer("Ada")
  const { page } = await person()
  for (const next of [
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "javascript:alert(1)",
    "\\\\elsewhere.example",
  ]) {
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`)
    await signInByForm(page, ada.email)
    await untilSignedIn(page, "Ada")
    await page.waitForURL(({ pathname }) => !pathname.startsWith("/sign-in"))
    expect(new URL(page.url()).origin).toBe(SHOP)
    await page.evaluate("localStorage.clear()")
  }
})

test("a wrong password is refused in words, and the right one signs in", async () => {
  const ada = await customer("Ada")
  const { page, mayMeet } = await person()
  mayMeet(401)
  await page.goto("/")
  await openSignIn(page)
  await signInByForm(page, ada.email, "a good guess")
  await page.getByRole("alert").filter({ hasText: "is not right" }).waitFor()
  await signInByForm(page, ada.email)
  await untilSignedIn(page, "Ada")
})

test("a field that is not right says so next to it, to screen readers as well", async () => {
  const { page, mayMeet } = await person()
  mayMeet(422)
  await page.goto("/sign-in")
  await page.getByRole("radio", { name: "I am new here" }).press(" ")
  await page.getByLabel("E-mail address").fill("somebody")
  await page.getByLabel("Password", { exact: true }).fill("password")
  await page.getByRole("button", { name: "Create the account" }).click()
  const email = page.getByLabel("E-mail address")
  await expectDescribed(email)
  await email.fill(newEmail())
  await page.getByRole("button", { name: "Create the account" }).click()
  await expectDescribed(page.getByLabel("Password", { exact: true }))
})

test("a code out of a mail signs in, and makes the account where there is none", async () => {
  const { page, mayMeet } = await person()
  mayMeet(401)
  const email = newEmail("Cy")
  await page.goto("/sign-in")
  await page.getByLabel("E-mail address").fill(email)
  await page.getByRole("button", { name: "Mail me a code" }).click()
  const { text } = await mailTo(email, /code/i)
  const [code] = /\b\d{6}\b/.exec(text)!
  const field = page.getByRole("textbox", { name: "Code" })
  await field.fill(code === "000000" ? "000001" : "000000")
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await expectDescribed(field)
  await field.fill(code)
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await untilSignedIn(page, email)
})

test("a link out of a mail signs in, once", async () => {
  const ada = await customer("Ada")
  const { page, mayMeet } = await person()
  await page.goto("/sign-in?next=%2Fcart")
  await page.getByLabel("E-mail address").fill(ada.email)
  await page.getByRole("button", { name: "Mail me a link" }).click()
  const { text } = await mailTo(ada.email, /sign in|link/i)
  const [link] = /http\S+token=[\w-]+/.exec(text)!
  await page.goto(link)
  await page.getByRole("button").click()
  await untilSignedIn(page, "Ada")
  await page.waitForURL("**/cart")
  mayMeet(400, 401, 404, 409, 410, 422)
  await page.goto(link)
  await page.getByRole("button").click()
  await page
    .getByText(/used|expired|no longer/i)
    .first()
    .waitFor()
})

test("a forgotten password is set anew by the link in the mail", async () => {
  const ada = await customer("Ada")
  const { page } = await person()
  await page.goto("/sign-in")
  await page.getByLabel("E-mail address").fill(ada.email)
  await page.getByRole("button", { name: "I forgot my password" }).click()
  const { text } = await mailTo(ada.email, /password/i)
  await page.goto(/http\S+token=[\w-]+/.exec(text)![0])
  await page.getByLabel(/password/i).fill("another long passphrase")
  await page.getByRole("button").click()
  await page.getByText("Your password is set").waitFor()
  await page.goto("/sign-in")
  await signInByForm(page, ada.email, "another long passphrase")
  await untilSignedIn(page, "Ada")
})

test("signing out in one tab signs out the others", async () => {
  const ada = await customer("Ada")
  const other = await ada.tab()
  for (const page of [ada.page, other]) {
    await page.goto("/sign-in")
    await page.getByRole("heading", { name: "You are signed in" }).waitFor()
  }
  await other.getByRole("button", { name: "Sign out" }).click()
  for (const page of [ada.page, other]) await page.getByRole("link", { name: "Sign in" }).first().waitFor()
})

async function expectDescribed(field: Locator): Promise<void> {
  await expect.poll(() => field.getAttribute("aria-invalid"), { timeout: 15_000 }).toBe("true")
  const [id] = (await field.getAttribute("aria-describedby"))!.split(" ")
  expect(await field.page().locator(`#${id}`).textContent()).toMatch(/\w{3}/)
}
