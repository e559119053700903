/** A list that can be asked for. */

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface PageOf<R> {
  readonly data: readonly R[]
  /** `next` and `previous` go into `after` and `before` of another query; null where there is none. */
  readonly page: { readonly next: string | null; readonly previous: string | null; readonly total?: number }
}

/**
 * A list that is asked for when it is awaited, anew each time, or page after page by `for await`, record by record. Who
 * leaves the loop asks for no further page.
 */
export interface ListRequest<R> extends PromiseLike<PageOf<R>>, AsyncIterable<R> {
  catch<V>(rejected: (error: unknown) => V | PromiseLike<V>): Promise<PageOf<R> | V>
  /** Page by page. */
  pages(): AsyncIterable<PageOf<R>>
}
