// A shop, or another program, as a process of its own.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'

/** How long a program may take to answer; the one with a virtual machine takes seconds. */
const START = 300_000

/** A port of loopback that nobody listens on at this moment. */
export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
}

export class Program {
  /** `stdin`: 'ignore', or 'pipe' for a program that ends when its input does. */
  constructor(name, [command, ...args], { cwd, env, stdin = 'ignore' }) {
    this.name = name
    this.said = ''
    this.child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: [stdin, 'pipe', 'pipe'] })
    const listen = (data) => (this.said = (this.said + data).slice(-20_000))
    this.child.stdout.on('data', listen)
    this.child.stderr.on('data', listen)
    this.child.on('error', (problem) => listen(`${problem}\n`))
    this.child.on('exit', (code, signal) => (this.end = `it ended with ${signal ?? code}`))
  }

  /** Waits until it answers. */
  async ready(url) {
    const end = Date.now() + START
    while (!(await fetch(url, { redirect: 'manual' }).catch(() => undefined))) {
      if (this.end || Date.now() > end) throw new Error(`${this.name} does not start: ${this.end}\n${this.said}`)
      await new Promise((next) => setTimeout(next, 50))
    }
  }

  /** Waits until it has printed something; what the pattern found. */
  async says(pattern) {
    const end = Date.now() + START
    for (;;) {
      const found = pattern.exec(this.said)
      if (found) return found
      if (this.end || Date.now() > end) throw new Error(`${this.name} does not say ${pattern}: ${this.end}\n${this.said}`)
      await new Promise((next) => setTimeout(next, 20))
    }
  }

  /** Waits until it has ended by itself; how it did. */
  async ended() {
    const end = Date.now() + START
    while (!this.end && Date.now() < end) await new Promise((next) => setTimeout(next, 20))
    return this.end
  }

  /** Stops it, and waits until it is gone. */
  async stop() {
    if (this.end || this.child.pid === undefined) return
    const gone = new Promise((done) => this.child.once('exit', done))
    this.child.kill('SIGTERM')
    const impatient = setTimeout(() => this.child.kill('SIGKILL'), 5_000)
    await gone
    clearTimeout(impatient)
  }
}
