// Says under which address a server that listens on a host and port is reached from the same machine.

/** `http://127.0.0.1:6420`, without a path. One that listens on every address is reached on loopback. */
export function serverAddress(host: string, port: number, tls: boolean): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `${tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
