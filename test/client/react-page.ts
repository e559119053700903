/** A page of React's that uses every hook; a test looks at its text, and presses its buttons. */

import { createElement as h, type ReactNode, StrictMode, useState } from "react"
import { createRoot, hydrateRoot } from "react-dom/client"
import { createClient } from "selvedge/client"
import { useChannel, useList, useRecord, useStatus, useUser } from "selvedge/react"
import type { backend } from "../../app/backend.ts"

export type Shop = ReturnType<typeof createClient<typeof backend>>

interface Props {
  client: Shop
  /** Whose reviews are shown. */
  filmId: string
}

/** What the test reads and does, beside the page itself. */
export interface Stage {
  client: Shop
  start(isHydrated: boolean): void
}

export function Page({ client, filmId }: Props): ReactNode {
  const [seen, setSeen] = useState(["Reviews", "Film", "Account", "Status"])
  const [renders, setRenders] = useState(0)
  const parts: Record<string, ReactNode> = {
    Reviews: h(Reviews, { client, filmId, name: "reviews" }),
    Same: h(Reviews, { client, filmId, name: "same" }),
    Best: h(Reviews, { client, filmId, name: "best", stars: 5 }),
    Later: h(Later, { client }),
    Film: h(Film, { client, filmId }),
    Account: h(Account, { client }),
    Status: h(Status, { client }),
    Room: h(Room, { client, seat: `A${renders}` }),
  }
  const toggle = (name: string) =>
    setSeen((before) => (before.includes(name) ? before.filter((other) => other !== name) : [...before, name]))
  return h(
    "main",
    null,
    h("output", { id: "renders" }, renders),
    h("button", { type: "button", onClick: () => setRenders(renders + 1) }, "Again"),
    Object.keys(parts).map((name) => h("button", { key: name, type: "button", onClick: () => toggle(name) }, name)),
    seen.map((name) => h("section", { key: name }, parts[name])),
  )
}

function Reviews({ client, filmId, name, stars = 1 }: Props & { name: string; stars?: number }): ReactNode {
  const { data, status, pending } = useList(client.reviews, {
    filmId,
    stars: { gte: stars },
    sort: "-createdAt",
    fields: ["id", "stars", "body"],
  })
  const lines = data.map((review) => `${review.stars} ${review.body}${pending.has(review.id) ? " …" : ""}`)
  return h("output", { id: name }, `${status}: ${lines.join(", ")}`)
}

/** What it needs to ask isn't known at first. */
function Later({ client }: { client: Shop }): ReactNode {
  const [genre, setGenre] = useState<string>()
  const { data, status } = useList(client.films, genre === undefined ? null : { genre, sort: "title", limit: 1 })
  return h("output", { id: "later", onClick: () => setGenre("Western") }, `${status}: ${data[0]?.title}`)
}

function Film({ client, filmId }: Props): ReactNode {
  const { record, status } = useRecord(client.films, filmId, { expand: ["director"] })
  return h("output", { id: "film" }, `${status}: ${record?.title} by ${record?.director?.name}, ${record?.stock}`)
}

function Account({ client }: { client: Shop }): ReactNode {
  return h("output", { id: "account" }, useUser(client)?.name ?? "nobody")
}

function Status({ client }: { client: Shop }): ReactNode {
  const { pending, isOnline } = useStatus(client)
  return h("output", { id: "status" }, `${pending} ${isOnline ? "online" : "offline"}`)
}

function Room({ client, seat }: { client: Shop; seat: string }): ReactNode {
  const { status, messages, members, publish } = useChannel(client, "room:1", { presence: { seat } })
  const seats = members.map(({ data }) => (data as { seat: string }).seat)
  const said = messages.map(({ data }) => data.text)
  return h(
    "output",
    { id: "room", onClick: () => void publish("message", { text: `Hello from ${seat}` }) },
    `${status}: ${seats.join()} | ${said.join(", ")}`,
  )
}

/** In the browser only: the server renders `Page` alone. */
export function open(api: string, filmId: string): Stage {
  const client = createClient<typeof backend>(api)
  const page = h(StrictMode, null, h(Page, { client, filmId }))
  return {
    client,
    start(isHydrated) {
      const root = (globalThis as unknown as { document: { getElementById(id: string): Element } }).document
      const element = root.getElementById("root")
      if (isHydrated) hydrateRoot(element, page, { onRecoverableError: (error) => console.error(error) })
      else createRoot(element).render(page)
    },
  }
}
