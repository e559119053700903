/** What Selvedge is compared with: the least that answers, with hand-written SQL, and without any check but a session's. */

import { refresh, signIn } from "./bare-sign-in.ts"

interface Env {
  DB: D1Database
  SELVEDGE_SECRET: string
}

const FIELDS = `p.id, p.created_at AS "createdAt", p.updated_at AS "updatedAt", p.version, p.title, p.body, p.author_id AS "authorId"`
const AUTHOR = `a.id AS a_id, a.created_at AS a_created_at, a.updated_at AS a_updated_at, a.version AS a_version, a.name AS a_name`
const OF_AUTHOR = "WHERE p.author_id = ? ORDER BY p.created_at DESC, p.id DESC LIMIT 20"

type Row = Record<string, unknown>

export default {
  async fetch(request, { DB, SELVEDGE_SECRET }) {
    const url = new URL(request.url)
    const id = url.pathname.split("/")[3]
    if (url.pathname === "/v1/caller") return caller(DB, request.headers.get("Authorization"))
    if (url.pathname === "/v1/drafts/many") return createMany(DB, await request.json())
    if (url.pathname === "/v1/auth/sign-in") return signIn(DB, SELVEDGE_SECRET, await request.json())
    if (url.pathname === "/v1/auth/refresh") return refresh(DB, await request.json())
    const key = request.headers.get("Idempotency-Key")
    if (key !== null) return createOnce(DB, key, await request.json())
    if (request.method === "POST") return create(DB, await request.json())
    if (id) return Response.json(await DB.prepare(`SELECT ${FIELDS} FROM posts p WHERE p.id = ?`).bind(id).first())
    const author = url.searchParams.get("authorId")
    return url.searchParams.has("expand") ? expand(DB, author) : list(DB, author)
  },
} satisfies ExportedHandler<Env>

/** An opaque session, as frameworks keep it: one row, found by its key; the hash of the token is left out. */
async function caller(db: D1Database, authorization: string | null): Promise<Response> {
  const token = authorization?.slice("Bearer ".length)
  const select = db.prepare("SELECT user_id AS id FROM sessions WHERE token = ? AND expires_at > ?")
  const session = await select.bind(token, Date.now()).first()
  return session ? Response.json(session) : new Response(null, { status: 401 })
}

async function list(db: D1Database, author: string | null): Promise<Response> {
  const { results } = await db.prepare(`SELECT ${FIELDS} FROM posts p ${OF_AUTHOR}`).bind(author).all()
  return Response.json({ data: results })
}

async function expand(db: D1Database, author: string | null): Promise<Response> {
  const sql = `SELECT ${FIELDS}, ${AUTHOR} FROM posts p JOIN authors a ON a.id = p.author_id ${OF_AUTHOR}`
  const { results } = await db.prepare(sql).bind(author).all<Row>()
  const data = results.map(({ a_id, a_created_at, a_updated_at, a_version, a_name, ...post }) => ({
    ...post,
    author: { id: a_id, createdAt: a_created_at, updatedAt: a_updated_at, version: a_version, name: a_name },
  }))
  return Response.json({ data })
}

async function create(db: D1Database, body: Row): Promise<Response> {
  return Response.json(await insert(db, crypto.randomUUID(), body).first(), { status: 201 })
}

/** With a key, in the same transaction; a second request fails on it. */
async function createOnce(db: D1Database, key: string, body: Row): Promise<Response> {
  const id = crypto.randomUUID()
  const note = db.prepare("INSERT INTO answers (key, record_id) VALUES (?, ?)").bind(key, id)
  const [, post] = await db.batch([note, insert(db, id, body)])
  return Response.json(post!.results[0], { status: 201 })
}

function insert(db: D1Database, id: string, { title, body, authorId }: Row): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO posts (id, created_at, updated_at, version, title, body, author_id) VALUES (?1, ?2, ?2, 1, ?3, ?4, ?5) RETURNING ${FIELDS.replaceAll("p.", "")}`,
    )
    .bind(id, Date.now(), title, body, authorId)
}

/** All in one statement, so that what a row costs is most of it. */
async function createMany(db: D1Database, rows: Row[]): Promise<Response> {
  const at = Date.now()
  await db
    .prepare(
      `INSERT INTO drafts (id, created_at, updated_at, version, title, body, author_id)
SELECT lower(hex(randomblob(16))), ?1, ?1, 1, value ->> 'title', value ->> 'body', value ->> 'authorId' FROM json_each(?2)`,
    )
    .bind(at, JSON.stringify(rows))
    .run()
  return Response.json({ id: at }, { status: 201 })
}
