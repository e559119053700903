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
