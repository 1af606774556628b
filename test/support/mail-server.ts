// A mail server on the loopback for tests: takes every message and keeps it.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

/** What the server can do besides taking messages. */
export interface MailServerOptions {
  /** Asks for a name and a password, and takes any. */
  readonly authenticates?: boolean
  /** Offers STARTTLS with this key and certificate. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer }
}

/** The least SMTP server that takes a message. */
export async function startMailServer({ authenticates = false, tls }: MailServerOptions = {}) {
  const messages: string[] = []
  let heard = ''
  const offers = [...(authenticates ? ['AUTH PLAIN LOGIN'] : []), ...(tls ? ['STARTTLS'] : [])]
  const hello = ['test', ...offers].map((line, index, all) => `250${index < all.length - 1 ? '-' : ' '}${line}\r\n`)
  const serve = (socket: Socket) => {
    let data: string | undefined
    let rest = ''
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString()
      rest += chunk.toString()
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 2)
        if (data !== undefined) {
          if (line === '.') {
            messages.push(data)
            data = undefined
            socket.write('250 taken\r\n')
          } else data += `${line}\n`
        } else if (/^DATA/i.test(line)) {
          data = ''
          socket.write('354 go on\r\n')
        } else if (/^EHLO/i.test(line)) socket.write(hello.join(''))
        else if (/^AUTH/i.test(line)) socket.write('235 welcome\r\n')
        else if (/^STARTTLS/i.test(line) && tls !== undefined) {
          socket.removeAllListeners('data')
          socket.write('220 go on\r\n')
          serve(new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls) }))
        } else if (/^STARTTLS/i.test(line)) socket.write('502 not here\r\n')
        else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
        else socket.write('250 ok\r\n')
      }
    })
    socket.on('error', () => {})
  }
  const server = createServer((socket) => {
    socket.write('220 test ESMTP\r\n')
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    /** All that clients said. */
    heard: () => heard,
    close: () => server.close(),
  }
}
