// A mail server on the loopback for tests: takes every message and keeps it.
import { type AddressInfo, createServer } from 'node:net'

/** The least SMTP server that takes a message. */
export async function startMailServer() {
  const messages: string[] = []
  const server = createServer((socket) => {
    let data: string | undefined
    let rest = ''
    socket.write('220 test ESMTP\r\n')
    socket.on('data', (chunk: Buffer) => {
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
        } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
        else socket.write('250 ok\r\n')
      }
    })
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, messages, close: () => server.close() }
}
