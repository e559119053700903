/** What bknd serves: two entities that everybody reads and members write. Plain JavaScript, as bknd isn't installed with the project. */

import { datetime, em, entity, text } from "bknd"
import { timestamps } from "bknd/plugins"

const SECRET = "a secret for the bench, with more than 32 characters"
const READ = ["system.access.api", "data.entity.read"]

const schema = em(
  {
    authors: entity("authors", { name: text().required() }, { primary_format: "uuid" }),
    posts: entity(
      "posts",
      { title: text().required(), body: text().required(), created_at: datetime(), updated_at: datetime() },
      { primary_format: "uuid" },
    ),
  },
  ({ relation, index }, { authors, posts }) => {
    relation(posts).manyToOne(authors)
    index(posts).on(["created_at"])
  },
)

export const config = {
  adminOptions: false,
  config: {
    data: schema.toJSON(),
    auth: {
      enabled: true,
      jwt: { secret: SECRET, alg: "HS256" },
      guard: { enabled: true },
      default_role_register: "member",
      roles: {
        anyone: { is_default: true, implicit_allow: false, permissions: READ },
        member: { implicit_allow: false, permissions: [...READ, "data.entity.create"] },
      },
    },
  },
  options: {
    mode: "code",
    plugins: [timestamps({ entities: ["posts"], setUpdatedOnCreate: true })],
  },
}

/** Tables of the schema. */
export const sync = (app) => app.em.schema().sync({ force: true })
