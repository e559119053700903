/**
 * What the client uses of a browser: spelled out, since it also runs, and is type-checked, where there is none. A member
 * that is missing is done without.
 */

interface EventSource_ {
  addEventListener(type: string, listener: (event: never) => void, options?: { readonly signal: AbortSignal }): void
}

export interface Tabs extends EventSource_ {
  postMessage(message: unknown): void
  close(): void
}

export interface TextStorage {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

/** A window that this one has opened. */
export interface Popup {
  readonly closed: boolean
  readonly location: { replace(url: string): void }
  close(): void
}

/** A passkey's answer. */
interface Credential {
  toJSON(): unknown
}

interface CredentialOrder {
  readonly publicKey: unknown
  readonly signal: AbortSignal
  readonly mediation?: "conditional"
}

export interface Browser extends Partial<EventSource_> {
  readonly document?: EventSource_ & { readonly visibilityState: string; readonly baseURI: string; hasFocus(): boolean }
  readonly location?: { readonly href: string; readonly origin: string; assign(url: string): void }
  readonly history?: { replaceState(state: unknown, unused: string, url: string): void; readonly state: unknown }
  readonly localStorage?: TextStorage
  readonly sessionStorage?: TextStorage
  readonly BroadcastChannel?: new (name: string) => Tabs
  readonly PublicKeyCredential?: {
    parseCreationOptionsFromJSON?(options: unknown): unknown
    parseRequestOptionsFromJSON?(options: unknown): unknown
  }
  readonly navigator?: {
    readonly onLine?: boolean
    readonly locks?: {
      /** @param work Is given null where the lock isn't `ifAvailable`. */
      request(name: string, options: { ifAvailable?: boolean }, work: (lock: unknown) => Promise<void>): Promise<void>
    }
    readonly credentials?: {
      create(order: CredentialOrder): Promise<Credential>
      get(order: CredentialOrder): Promise<Credential>
    }
  }
  open?(url: string, target: string, features: string): Popup | null
  close?(): void
}

export const browser = globalThis as unknown as Browser

/** Of a page; undefined where the browser forbids it as well. */
export function webStorage(name: "localStorage" | "sessionStorage"): TextStorage | undefined {
  try {
    return browser.document && (browser[name] ?? undefined)
  } catch {
    return undefined
  }
}
