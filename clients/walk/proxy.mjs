// A way to the server that can be cut: what lies between an API and the server, and fails.

import { connect, createServer } from 'node:net'

export class Proxy {
  /** Opens a way to an address, on a port that was free. */
  static async to(target) {
    const proxy = new Proxy()
    const { hostname, port } = new URL(target)
    proxy.open = true
    proxy.sockets = new Set()
    proxy.server = createServer((near) => {
      if (!proxy.open) return near.destroy()
      const far = connect({ host: hostname, port: Number(port) })
      for (const [socket, other] of [[near, far], [far, near]]) {
        proxy.sockets.add(socket)
        socket.setNoDelay(true)
        socket.on('error', () => other.destroy())
        socket.on('close', () => {
          proxy.sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
    })
    await new Promise((done, fail) => {
      proxy.server.once('error', fail)
      proxy.server.listen(0, '127.0.0.1', done)
    })
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`
    return proxy
  }

  /** Nothing goes through any more, and nothing new. */
  cut() {
    this.open = false
    for (const socket of this.sockets) socket.destroy()
  }

  restore() {
    this.open = true
  }

  close() {
    this.cut()
    return new Promise((done) => this.server.close(done))
  }
}
