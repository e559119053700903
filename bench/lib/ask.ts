/** One request over a connection that is kept. */

import { type Agent, request as send } from "node:http"

export interface BenchRequest {
  readonly method: string
  readonly path: string
  /** `Host` says which Worker answers. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** The status that the answer must have. */
  readonly status: number
  /** A header that gets another value with each request. */
  readonly unique?: string
  /** A field of the answer that the body of the next such request has in place of its own. */
  readonly carries?: string
}

/** @returns The body. */
export function ask(agent: Agent, origin: string, request: BenchRequest): Promise<string> {
  const { method, path, headers, body, status } = request
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }
    const call = send(origin + path, { method, agent, headers: { ...headers, ...length } }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part: string) => {
        text += part
      })
      response.on("error", reject)
      response.on("end", () => {
        if (response.statusCode === status) resolve(text)
        else
          reject(new Error(`${headers.Host}: ${method} ${path} answers ${response.statusCode} ${text.slice(0, 500)}`))
      })
    })
    call.on("error", (error: NodeJS.ErrnoException) => {
      // the server may close a connection that nobody used for a while just as it is used again
      const isStale = call.reusedSocket && error.code === "ECONNRESET"
      return isStale ? resolve(ask(agent, origin, request)) : reject(error)
    })
    call.end(body)
  })
}
