import { expect, test } from "vitest"
import { ProviderError } from "./provider.ts"
import { isLoopback } from "./public-host.ts"
import { createSafeFetch } from "./safe-fetch.ts"
import { refusalOf } from "./scripted-provider.fixture.ts"

const REFUSED = [
  // Not https
  "http://login.acme.com/",
  "ftp://login.acme.com/",
  "file:///etc/passwd",
  "data:application/json,{}",
  "blob:https://login.acme.com/1",
  "javascript:alert(1)",
  "wss://login.acme.com/",
  "login.acme.com",
  "//login.acme.com/",
  "https://",
  "",
  // Credentials in the address, also where they hide the host
  "https://ada@login.acme.com/",
  "https://ada:secret@login.acme.com/",
  "https://login.acme.com@127.0.0.1/",
  "https://:secret@login.acme.com/",
  // Names of private networks
  "https://localhost/",
  "https://LOCALHOST/",
  "https://localhost./",
  "https://localhost../",
  "https://a.localhost/",
  "https://ⓛocalhost/",
  "https://localhost:8787/",
  "https://printer/",
  "https://printer./",
  "https://printer.local/",
  "https://metadata.google.internal/",
  "https://a.internal./",
  "https://a.test/",
  "https://router.lan/",
  "https://nas.home.arpa/",
  "https://home.arpa/",
  "https://a.localdomain/",
  "https://a.invalid/",
  "https://a.onion/",
  // IPv4, in every spelling that a URL takes
  "https://127.0.0.1/",
  "https://127.1/",
  "https://127.0.1/",
  "https://2130706433/",
  "https://0x7f000001/",
  "https://0x7f.0.0.1/",
  "https://0177.0.0.1/",
  "https://017700000001/",
  "https://127.0.0.1./",
  "https://127.0.0.1../",
  "https://１２７.0.0.1/",
  "https://127。0。0。1/",
  "https://%31%32%37.0.0.1/",
  "https://127.255.255.254/",
  "https://0/",
  "https://0.0.0.0/",
  "https://10.0.0.1/",
  "https://10.255.255.255/",
  "https://100.64.0.1/",
  "https://100.127.255.255/",
  "https://169.254.169.254/",
  "https://0xa9fea9fe/",
  "https://172.16.0.1/",
  "https://172.31.255.255/",
  "https://192.0.0.8/",
  "https://192.0.2.1/",
  "https://192.88.99.1/",
  "https://192.168.1.1/",
  "https://198.18.0.1/",
  "https://198.19.255.255/",
  "https://198.51.100.1/",
  "https://203.0.113.1/",
  "https://224.0.0.1/",
  "https://239.255.255.255/",
  "https://240.0.0.1/",
  "https://255.255.255.255/",
  "https://256.0.0.1/",
  // IPv6
  "https://[::]/",
  "https://[::1]/",
  "https://[0:0:0:0:0:0:0:1]/",
  "https://[::127.0.0.1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::ffff:7f00:1]/",
  "https://[::ffff:8.8.8.8]/",
  "https://[::ffff:0:127.0.0.1]/",
  "https://[64:ff9b::127.0.0.1]/",
  "https://[64:ff9b::a9fe:a9fe]/",
  "https://[64:ff9b:1::1]/",
  "https://[100::1]/",
  "https://[2001::1]/",
  "https://[2001:0:7f00:1::]/",
  "https://[2001:db8::1]/",
  "https://[2002:7f00:1::]/",
  "https://[3fff::1]/",
  "https://[5f00::1]/",
  "https://[fc00::1]/",
  "https://[fd12:3456::1]/",
  "https://[fe80::1]/",
  "https://[fec0::1]/",
  "https://[ff02::1]/",
]

const ALLOWED = [
  "https://login.acme.com/",
  "https://login.acme.com:8443/token?a=b",
  "https://localhost.acme.com/",
  "https://internal.acme.com/",
  "https://mylocal.dev/",
  "https://8.8.8.8/",
  "https://11.0.0.1/",
  "https://100.63.255.255/",
  "https://100.128.0.1/",
  "https://172.15.255.255/",
  "https://172.32.0.1/",
  "https://169.253.0.1/",
  "https://192.167.255.255/",
  "https://223.255.255.255/",
  "https://[2606:4700:4700::1111]/",
  "https://[2001:4860:4860::8888]/",
  "https://[2a00:1450::1]/",
]

const LOOPBACK = [
  "http://localhost:8787/",
  "https://localhost/",
  "http://127.0.0.1/",
  "http://127.8.8.8/",
  "http://0x7f.1/",
  "http://[::1]:80/",
]

/** A network that answers everybody, and remembers who was asked. */
function createNetwork(answer: () => Response | Promise<Response> = () => Response.json({})) {
  const asked: string[] = []
  const fetch = async (url: string): Promise<Response> => {
    asked.push(url)
    return answer()
  }
  return { asked, fetch }
}

/** Let through in local work, unless something else is wrong with it. */
function leadsHere(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && url.username === "" && isLoopback(url)
}

test.for(REFUSED)("49: %s isn't asked", async (url) => {
  for (const allowLoopback of leadsHere(url) ? [false] : [false, true]) {
    const network = createNetwork()
    const refusal = await refusalOf(createSafeFetch({ fetch: network.fetch, allowLoopback })(url))
    expect(refusal.reason).toBe("provider_answer_invalid")
    expect(network.asked).toEqual([])
  }
})

test.for(ALLOWED)("49: %s is asked", async (url) => {
  const network = createNetwork()
  await createSafeFetch({ fetch: network.fetch })(url)
  expect(network.asked).toEqual([url])
})

test.for(LOOPBACK)("49: %s is asked in local work only", async (url) => {
  const network = createNetwork()
  await refusalOf(createSafeFetch({ fetch: network.fetch })(url))
  expect(network.asked).toEqual([])
  await createSafeFetch({ fetch: network.fetch, allowLoopback: true })(url)
  expect(network.asked).toEqual([new URL(url).href])
})

test("49: local work lets nothing else through", async () => {
  const urls = ["http://login.acme.com/", "http://192.168.1.1/", "http://ada@localhost/", "ftp://localhost/"]
  for (const url of urls) {
    const network = createNetwork()
    await refusalOf(createSafeFetch({ fetch: network.fetch, allowLoopback: true })(url))
    expect(network.asked, url).toEqual([])
  }
})

test("49: a redirect is an error, wherever it leads, and isn't followed", async () => {
  for (const status of [300, 301, 302, 303, 304, 307, 308]) {
    const network = createNetwork(() => new Response(null, { status, headers: { location: "https://127.0.0.1/" } }))
    const refusal = await refusalOf(createSafeFetch({ fetch: network.fetch })("https://login.acme.com/"))
    expect(refusal.reason, String(status)).toBe("provider_answer_invalid")
    expect(network.asked).toHaveLength(1)
  }
})

test("49: at most 256 KB are read, however many come", async () => {
  const whole = "a".repeat(256 * 1024)
  const read = async (body: BodyInit) =>
    (await createSafeFetch({ fetch: async () => new Response(body) })("https://login.acme.com/")).text()
  expect(await read(whole)).toBe(whole)
  expect((await refusalOf(read(`${whole}a`) as Promise<never>)).reason).toBe("provider_answer_invalid")

  let pulled = 0
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++
      controller.enqueue(new Uint8Array(64 * 1024))
    },
    cancel: () => {
      cancelled = true
    },
  })
  expect((await refusalOf(read(endless) as Promise<never>)).reason).toBe("provider_answer_invalid")
  expect(pulled).toBeLessThan(8)
  expect(cancelled).toBe(true)
})

test("49: an answer passes with its status, type and challenge, and without the rest", async () => {
  const headers = { "content-type": "application/json", "www-authenticate": "Bearer", "set-cookie": "a=b", server: "x" }
  const fetch = async () => new Response("{}", { status: 401, headers })
  const response = await createSafeFetch({ fetch })("https://login.acme.com/")
  expect(response.status).toBe(401)
  expect(Object.fromEntries(response.headers)).toEqual({
    "content-type": "application/json",
    "www-authenticate": "Bearer",
  })
  expect(await response.text()).toBe("{}")
})

test("49: a network that fails is a provider out of reach, with the cause for the log", async () => {
  const cause = new TypeError("connection refused")
  const refusal = await refusalOf(createSafeFetch({ fetch: () => Promise.reject(cause) })("https://login.acme.com/"))
  expect(refusal).toBeInstanceOf(ProviderError)
  expect(refusal).toMatchObject({ reason: "provider_unreachable", message: "login.acme.com can't be reached", cause })
})
