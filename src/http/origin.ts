/** Which sites a request may come from where a browser lets any site send it. */

/** Whether it names its origin, and that is a listed one or the API's own. */
export function isFromListedOrigin({ headers, url }: Request, origins: readonly string[]): boolean {
  const origin = headers.get("Origin")
  return origin !== null && (origins.includes(origin) || origin === new URL(url).origin)
}

/** The origin that it names, if that is neither; undefined also for a request that comes from no site. */
export function unlistedOrigin(request: Request, origins: readonly string[]): string | undefined {
  const origin = request.headers.get("Origin")
  return origin === null || isFromListedOrigin(request, origins) ? undefined : origin
}
