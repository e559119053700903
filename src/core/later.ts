/** Takes work that goes on after the answer, such as `waitUntil`. */
export type Later = (work: Promise<unknown>) => void
