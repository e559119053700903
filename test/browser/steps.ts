/** What people do on the shop's pages, by the names that a screen reader tells. */

import type { Page } from "playwright-core"
import { PASSWORD } from "./shop.ts"

export interface NewAccount {
  readonly name: string
  readonly email: string
}

/** From any page, by the link at its top. */
export async function openSignIn(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Sign in" }).first().click()
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor()
}

export async function signUpByForm(page: Page, { name, email }: NewAccount): Promise<void> {
  await page.getByRole("radio", { name: "I am new here" }).press(" ")
  await page.getByLabel("Name", { exact: true }).fill(name)
  await page.getByLabel("E-mail address").fill(email)
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD)
  await page.getByRole("button", { name: "Create the account" }).click()
  await untilSignedIn(page, name)
}

export async function signInByForm(page: Page, email: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("E-mail address").fill(email)
  await page.getByLabel("Password", { exact: true }).fill(password)
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
}

export async function untilSignedIn(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name: `Account of ${name}` }).waitFor()
}

/** Once the catalogue shows as many as it says. */
export async function untilFilms(page: Page, count: string | RegExp): Promise<void> {
  const shown = page.getByRole("region", { name: "Films" })
  await shown.getByRole("status").filter({ hasText: count }).waitFor()
  await shown.locator("ul:not([aria-busy])").first().waitFor()
}

export async function writeReview(page: Page, stars: number, body: string): Promise<void> {
  const form = page.getByRole("form", { name: "Write a review" })
  await form.getByRole("radio", { name: `${stars} star` }).press(" ")
  await form.getByRole("textbox").fill(body)
  await form.getByRole("button", { name: "Publish" }).click()
}

export async function openRoom(page: Page, { id }: { readonly id: string }): Promise<void> {
  await page.goto(`/room?id=${id}`)
  await page.getByRole("textbox", { name: "Message" }).waitFor()
}
