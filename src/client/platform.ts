/**
 * What the client uses of a browser: spelled out, since it also runs, and is type-checked, where there is none. A member
 * that is missing is done without.
 */

interface EventSource_ {
  addEventListener(type: string, listener: (event: never) => void): void
  removeEventListener(type: string, listener: (event: never) => void): void
}

export interface Tabs extends EventSource_ {
  postMessage(message: unknown): void
}

export interface TextStorage {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

export interface Browser extends Partial<EventSource_> {
  readonly document?: EventSource_ & { readonly visibilityState: string; readonly baseURI: string }
  readonly location?: { readonly href: string; readonly origin: string; assign(url: string): void }
  readonly history?: { replaceState(state: unknown, unused: string, url: string): void; readonly state: unknown }
  readonly localStorage?: TextStorage
  readonly sessionStorage?: TextStorage
  readonly BroadcastChannel?: new (name: string) => Tabs
  readonly navigator?: {
    readonly onLine?: boolean
    readonly locks?: { request<V>(name: string, work: () => Promise<V>): Promise<V> }
  }
}

export const browser = globalThis as unknown as Browser
