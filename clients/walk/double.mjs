// A double of the server, for what a real one does once in its life: a test says what it answers.

import { createPublicKey } from 'node:crypto'
import { createServer } from 'node:http'
import { deflateSync } from 'node:zlib'
import { eventually } from './patience.mjs'
import { forged, known, signed } from './tokens.mjs'

const jwk = (kid, pem) => ({ ...createPublicKey(pem).export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' })

export class Double {
  static async make() {
    const double = new Double()
    /** When all of its tokens are from, however long a test takes. */
    double.born = Math.floor(Date.now() / 1000)
    // Keys of kinds that nobody knows are there as well.
    double.keys = [{ kty: 'AKP', kid: 'later', alg: 'ML-DSA-65', use: 'sig', pub: 'AAAA' }, jwk('known', known.publicKey)]
    /** What the feed answers: a status. 410 is answered once: whoever asks without a number is never answered so. */
    double.answer = 200
    /** Each question to the feed, in turn. */
    double.asked = []
    /** Every path that was asked for. */
    double.paths = []
    /** Status lists by their numbers: `places` that are set, and what is odd about the list. */
    double.lists = {}
    double.server = createServer((request, response) => double.serve(request, response))
    await new Promise((done, fail) => {
      double.server.once('error', fail)
      double.server.listen(0, '127.0.0.1', done)
    })
    double.url = `http://127.0.0.1:${double.server.address().port}`
    double.issuer = `${double.url}/realms/double`
    double.called = double.issuer
    return double
  }

  serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url)
    this.paths.push(pathname)
    const json = (value) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    switch (pathname.replace('/realms/double', '')) {
      case '/.well-known/openid-configuration':
        return json({ issuer: this.called, jwks_uri: `${this.issuer}/certs` })
      case '/certs':
        return json({ keys: this.keys })
      case '/revocations':
        this.asked.push({ since: searchParams.get('since'), headers: request.headers, response })
        response.statusCode = this.answer
        if (this.answer === 410) this.answer = 200
        if (response.statusCode === 302) return response.setHeader('location', `${this.issuer}/elsewhere`).end()
        if (response.statusCode !== 200) return json({ error: 'whatever' })
        response.setHeader('content-type', 'text/event-stream')
        return response.flushHeaders()
      case pathname.match(/^\/realms\/double(\/status-lists\/\d+)$/)?.[1]:
        return this.list(request, response)
      default:
        response.statusCode = 404
        return response.end()
    }
  }

  /** Answers with a status list (draft-ietf-oauth-status-list §5.1, §8). */
  list(request, response) {
    const uri = `${this.url}${request.url}`
    const list = this.lists[uri.split('/').at(-1)]
    list.asked = (list.asked ?? 0) + 1
    const etag = `"${list.places}"`
    response.setHeader('etag', etag).setHeader('content-type', 'application/statuslist+jwt')
    if (list.isDown) return response.writeHead(503).end()
    if (request.headers['if-none-match'] === etag) {
      list.unchanged = (list.unchanged ?? 0) + 1
      return response.writeHead(304).end()
    }
    const bytes = Buffer.alloc(list.size ?? 16)
    for (const place of list.places) bytes[place >> 3] |= 1 << (place & 7)
    const now = Math.floor(Date.now() / 1000)
    const claims = { sub: uri, iat: now, exp: now + 3_600, ttl: 1, status_list: { bits: 1, lst: deflateSync(bytes).toString('base64url') } }
    const header = { alg: 'RS256', kid: 'known', typ: 'statuslist+jwt' }
    return response.end(signed({ ...header, ...list.header }, { ...claims, ...list.claims }, list.key ?? known.privateKey))
  }

  /** Shows another key, beside the others. */
  rotate(kid, { publicKey }) {
    this.keys.push(jwk(kid, publicKey))
  }

  /** The connection that is open, or the last one. */
  get connection() {
    return this.asked.at(-1)
  }

  /** Waits until the feed was asked so often. */
  async connections(count, patience) {
    const has = await eventually(async () => this.asked.length >= count, true, patience)
    if (!has) throw new Error(`the feed was asked ${this.asked.length} times, and not ${count}`)
    return this.asked[count - 1]
  }

  /** Sends an event. */
  send(event, id, data) {
    if (this.connection.response.writableEnded) throw new Error('nobody listens')
    this.connection.response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  head(id) {
    this.send('head', id, { head: id, time_ms: Date.now() })
  }

  revoke(id, names) {
    const now = Date.now()
    const times = { seq: id, before_ms: now + 60_000, until: this.born + 3_600, at_ms: now, reason: 'logout' }
    this.send('revocation', id, { ...names, ...times })
  }

  /** Ends the connection; the next question is answered with a status. Waits for the one that follows. */
  async again(answer = 200) {
    const count = this.asked.length
    this.answer = answer
    this.connection.response.end()
    return this.connections(count + 1)
  }

  /** A good token that names a place in a status list. */
  placed(idx, list) {
    const uri = typeof list === 'number' ? `${this.issuer}/status-lists/${list}` : list
    return forged(this.token('placed'), { claims: { status: { status_list: { idx, uri } } } })
  }

  /** A good token of a session. */
  token(sid, kid = 'known', key = known.privateKey, more = {}) {
    const claims = { iss: this.issuer, aud: 'orders', typ: 'Bearer', sub: 'alice', azp: 'shop', jti: `of ${sid}`, sid, iat: this.born, exp: this.born + 3_600, ...more }
    return signed({ alg: 'RS256', typ: 'JWT', kid }, claims, key)
  }

  close() {
    this.server.closeAllConnections()
    return new Promise((done) => this.server.close(done))
  }
}
