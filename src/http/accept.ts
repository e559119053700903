import { SelvedgeError } from "../core/problem.ts"

const ACCEPTED = ["application/json", "application/problem+json", "application/*", "*/*"]

/** @throws SelvedgeError `not_acceptable` when `Accept` (RFC 9110, section 12.5.1) leaves no room for JSON. */
export function requireAcceptable(request: Request): void {
  const accept = request.headers.get("Accept")
  if (accept === null || accept.trim() === "" || accept === "*/*") return
  const wanted = accept.split(",").map((part) =>
    part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/),
  )
  const fits = wanted.some(
    ([type, ...parameters]) =>
      ACCEPTED.includes(type!) && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)),
  )
  if (!fits) throw new SelvedgeError("not_acceptable", "The answer is application/json.")
}
