/** A WebSocket client (RFC 6455) that does the least: it hands out the bytes of each frame where they lie. */

import { connect, type Socket } from "node:net"

export interface SocketEvents {
  /** The payload of a text frame is `bytes` from `start` to `end`, for the time of this call. */
  onText(socket: LeanSocket, bytes: Buffer, start: number, end: number): void
  onClose(socket: LeanSocket, code: number): void
}

export interface SocketAddress {
  readonly host: string
  readonly port: number
  readonly path: string
}

const READ_BYTES = 256 * 1024
/** All sockets of a process read into it, one at a time. */
const readInto = Buffer.allocUnsafe(READ_BYTES)
/** Of the example in RFC 6455: who checks its answer is no concern of a measure. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ=="
const END_OF_HEAD = "\r\n\r\n"
const ABNORMAL = 1006
const CLOSE = 8
const PING = 9
const PONG = 10

export class LeanSocket {
  readonly index: number
  /** Since the last frame that {@link send} has sent. */
  bytesSinceSent = 0
  readonly #socket: Socket
  readonly #events: SocketEvents
  #isOpen = false
  #closeCode = ABNORMAL
  /** The beginning of a frame whose end hasn't come, and how many bytes make it whole. */
  #kept: Buffer[] = []
  #keptBytes = 0
  #neededBytes = 0
  readonly #opened = Promise.withResolvers<void>()

  constructor(index: number, { host, port, path }: SocketAddress, events: SocketEvents) {
    this.index = index
    this.#events = events
    const onread = { buffer: readInto, callback: (length: number) => this.#read(readInto.subarray(0, length)) }
    this.#socket = connect({ host, port, onread, noDelay: true })
    this.#socket.on("error", (error) => this.#opened.reject(error))
    this.#socket.on("close", () => {
      this.#opened.reject(new Error("the server closes before it answers"))
      if (this.#isOpen) events.onClose(this, this.#closeCode)
      this.#isOpen = false
    })
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
    )
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Resolves when the server has answered 101. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  send(text: string): void {
    this.bytesSinceSent = 0
    this.#write(1, Buffer.from(text))
  }

  #read(bytes: Buffer): boolean {
    this.bytesSinceSent += bytes.length
    const whole = this.#withKept(bytes)
    if (whole && this.#isOpen) this.#frames(whole)
    else if (whole) this.#head(whole)
    return true
  }

  #withKept(bytes: Buffer): Buffer | undefined {
    if (this.#keptBytes === 0) return bytes
    if (this.#keptBytes + bytes.length < this.#neededBytes) {
      this.#keep(bytes, this.#neededBytes)
      return undefined
    }
    const whole = Buffer.concat([...this.#kept, bytes])
    this.#kept = []
    this.#keptBytes = 0
    return whole
  }

  #keep(bytes: Buffer, needed: number): void {
    this.#kept.push(Buffer.from(bytes))
    this.#keptBytes += bytes.length
    this.#neededBytes = needed
  }

  #head(bytes: Buffer): void {
    const end = bytes.indexOf(END_OF_HEAD)
    if (end < 0) {
      this.#keep(bytes, 0)
      return
    }
    const status = bytes.toString("latin1", 9, 12)
    if (status !== "101") {
      const text = bytes.toString("utf8", 0, 500)
      this.#opened.reject(new Error(`the server answers ${text}`))
      this.#socket.destroy()
      return
    }
    this.#isOpen = true
    this.#opened.resolve()
    this.#frames(bytes.subarray(end + END_OF_HEAD.length))
  }

  #frames(bytes: Buffer): void {
    let at = 0
    while (bytes.length - at >= 2) {
      const short = bytes[at + 1]! & 0x7f
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      if (bytes.length - at < head) break
      const length =
        head === 2 ? short : head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
      const end = at + head + length
      if (end > bytes.length) {
        this.#keep(bytes.subarray(at), end - at)
        return
      }
      this.#frame(bytes[at]! & 0x0f, bytes, at + head, end)
      at = end
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at), 0)
  }

  #frame(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode < CLOSE) this.#events.onText(this, bytes, start, end)
    if (opcode === PING) this.#write(PONG, bytes.subarray(start, end))
    if (opcode !== CLOSE) return
    if (end - start >= 2) this.#closeCode = bytes.readUInt16BE(start)
    this.#socket.end()
  }

  /** Masked with zeros, which change nothing. */
  #write(opcode: number, payload: Buffer): void {
    const isShort = payload.length < 126
    const head = Buffer.alloc(isShort ? 6 : 8)
    head[0] = 0x80 | opcode
    head[1] = 0x80 | (isShort ? payload.length : 126)
    if (!isShort) head.writeUInt16BE(payload.length, 2)
    this.#socket.write(Buffer.concat([head, payload]))
  }
}
