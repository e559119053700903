/** Why the server closes a socket (RFC 6455 §7.4; from 4000 on the codes are our own). */
export const CLOSE = {
  restart: 1012,
  malformed: 4400,
  unauthenticated: 4401,
  otherUser: 4403,
  slow: 4408,
  tooMuch: 4429,
} as const
