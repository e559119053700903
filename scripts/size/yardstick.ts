/** The libraries that a Worker of ours stands on, and nothing else: what `npm run size` measures the machine with. */

import { drizzle } from "drizzle-orm/d1"
import { sqliteTable, text } from "drizzle-orm/sqlite-core"
import { Hono } from "hono"
import { jwtVerify, SignJWT } from "jose"
import * as z from "zod"

const used = [drizzle, sqliteTable, text, Hono, jwtVerify, SignJWT, z.object, z.string, z.int, z.toJSONSchema]

export default { fetch: () => new Response(String(used.length)) }
