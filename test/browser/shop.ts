/** The shop from behind the counter: what tests arrange and look up through its API. */

import { randomUUID } from "node:crypto"
import { expect, inject } from "vitest"
import type { Message } from "../live/client.ts"

export const SHOP = inject("shop")
export const PASSWORD = "a long enough passphrase"
/** A token is good for ten. */
const TOKEN_MS = 8 * 60_000

export interface Film {
  readonly id: string
  readonly title: string
  readonly priceCents: number
  readonly stock: number
}

export interface Account {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly token: string
}

let admin: { token: string; until: number } | undefined

/** @returns The body. @throws Error for an answer that isn't 2xx. */
export async function call(method: string, path: string, body?: object, token?: string): Promise<Message> {
  const headers = {
    "Idempotency-Key": randomUUID(),
    ...(body && { "Content-Type": "application/json" }),
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  }
  const answer = await fetch(SHOP + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return (text === "" ? {} : JSON.parse(text)) as Message
}

/** As an admin, whom staff's rules let do what staff may. */
export async function asAdmin(method: string, path: string, body?: object): Promise<Message> {
  if (admin === undefined || admin.until < Date.now()) {
    const { accessToken } = await call("POST", "/v1/auth/sign-in", inject("admin"))
    admin = { token: accessToken, until: Date.now() + TOKEN_MS }
  }
  return call(method, path, body, admin.token)
}

/** An address that nobody has. */
export function newEmail(name = "somebody"): string {
  return `${name.toLowerCase()}-${randomUUID().slice(0, 8)}@example.com`
}

export async function signUp(name: string, ...roles: string[]): Promise<Account> {
  const email = newEmail(name)
  const { user, accessToken } = await call("POST", "/v1/auth/sign-up", { email, password: PASSWORD, name })
  if (roles.length > 0) await asAdmin("PATCH", `/v1/admin/users/${user.id}`, { roles })
  return { id: user.id, email, name, token: accessToken }
}

/** A film of the test's own, which no other test buys or reviews. */
export async function newFilm(values: Partial<Film> & Record<string, unknown> = {}): Promise<Film> {
  const title = `A film of ${randomUUID().slice(0, 8)}`
  const body = { title, year: 1926, genre: "Drama", priceCents: 1_200, stock: 10, ...values }
  return (await asAdmin("POST", "/v1/films", body)) as Film
}

export async function changeFilm(id: string, patch: { stock?: number; priceCents?: number }): Promise<void> {
  await asAdmin("PATCH", `/v1/films/${id}`, patch)
}

/** All orders with what was bought, as staff sees them. */
export async function ordersOf(filmId: string): Promise<Message[]> {
  const filter = encodeURIComponent(JSON.stringify({ filmId }))
  const { data } = await asAdmin("GET", `/v1/orderItems?filter=${filter}&expand=order`)
  return data
}

/** The newest mail to the address, once there is one. */
export async function mailTo(email: string, subject: RegExp): Promise<Message> {
  let found: Message | undefined
  await expect
    .poll(
      async () => {
        const { data } = await asAdmin("GET", "/v1/admin/mails?limit=100")
        found = data.find((mail: Message) => mail.to === email && subject.test(mail.subject))
        return found !== undefined
      },
      { timeout: 20_000 },
    )
    .toBe(true)
  return asAdmin("GET", `/v1/admin/mails/${found!.id}`)
}
