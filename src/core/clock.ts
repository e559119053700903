/** Milliseconds since 1970, passed down so that tests can set the time. */
export type Clock = () => number
