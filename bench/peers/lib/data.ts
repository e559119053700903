/** The rows of `bench/lib/seed.ts` for the peers: 100 authors, one more who writes, and 10,000 posts. */

import { BODY } from "../../lib/seed.ts"

const AUTHORS = 100
const POSTS = 10_000
const START = Date.UTC(2026, 0, 1)

export const SECRET = "a secret for the bench, with more than 32 characters"
export const NEW_POST = { title: "A new post", body: BODY }

export interface Author {
  readonly id: string
  readonly name: string
}

export interface Post {
  readonly id: string
  readonly title: string
  readonly body: string
  readonly authorId: string
  readonly createdAt: Date
}

export interface Data {
  readonly authors: readonly Author[]
  /** The author of what is created, and of nothing else, so that lists stay as they are. */
  readonly writer: Author
  readonly posts: readonly Post[]
}

/** @param idOf A record's id, as the peer wants it to look. */
export function dataOf(idOf: (kind: number, i: number) => string): Data {
  const everybody = Array.from({ length: AUTHORS + 1 }, (_, i) => ({ id: idOf(1, i), name: `Author ${i}` }))
  const authors = everybody.slice(0, AUTHORS)
  const posts = Array.from({ length: POSTS }, (_, i) => ({
    id: idOf(2, i),
    title: `Post ${i}`,
    body: BODY,
    authorId: authors[i % AUTHORS]!.id,
    createdAt: new Date(START + i * 1_000),
  }))
  return { authors, writer: everybody[AUTHORS]!, posts }
}
