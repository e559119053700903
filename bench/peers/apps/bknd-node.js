/** bknd on Node, with SQLite in the same process. */

import { join } from "node:path"
import { createApp, nodeSqlite, serve } from "bknd/adapter/node"
import { config, sync } from "./bknd-config.js"

/** Of the interface for admins, which nobody asks for here. */
const distPath = join(import.meta.dirname, "../node_modules/bknd/dist")

/** Without the number of all posts, which neither its D1 connection nor anybody else here counts. */
function connect(database) {
  const connection = nodeSqlite({ database })
  connection.supported = { ...connection.supported, softscans: false }
  return connection
}

export async function createTables(database) {
  await sync(await createApp({ ...config, distPath, connection: connect(database) }))
}

/** @returns The port. */
export function start(database) {
  return new Promise((resolve) => {
    const listener = ({ port }) => resolve(port)
    serve({ ...config, distPath, connection: connect(database), port: 0, hostname: "127.0.0.1", listener })
  })
}
