// Checks access tokens of a realm where they are used: by their signature, and by what has ended since.
//
//   const verifier = new Verifier({ issuer, clientId, clientSecret, audience: 'orders' })
//   app.use(verifier.express())                       // Express: request.claims
//   app.addHook('onRequest', verifier.fastify())      // Fastify: request.claims
//   const claims = await verifier.check(token)        // anywhere else; throws Refused
//
// What has ended is told by the realm's live feed (`mode: 'feed'`), or read in its status lists (`mode: 'status-list'`).
// README.md says what each option means, ../README.md what every verifier does.

import { webcrypto } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import { inflateSync } from 'node:zlib'
import { createLocalJWKSet, jwtVerify } from 'jose'

// Node.js 18 has it, but not under the name that jose looks for.
globalThis.crypto ??= webcrypto

/** Only those that the holder of a public key cannot sign with. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** The longest token that is looked at, in characters. */
const LONGEST_TOKEN = 16_384
/** How long discovery, keys and lists may take, in milliseconds, and how large they may be, in bytes. */
const FETCH_LIMIT = { time: 5_000, size: 4 << 20 }
/** How far apart the keys are fetched, in milliseconds: while there are none, because of a key unknown, and anyway. */
const KEYS_AGAIN = { none: 1_000, unknown: 10_000, anyway: 600_000 }
/** The longest line and event of the feed, in characters. */
const LONGEST_EVENT = 65_536
/** A connection that is silent for so long is given up: the server beats every ten seconds. */
const SILENCE = 20_000
/** The pause after a connection that failed: it doubles up to the last, and chance takes off up to a half. */
const PAUSE = { first: 100, last: 5_000 }
/** Records are forgotten in groups, of as many seconds. */
const GROUP = 16
/** How many status lists are kept, how large one may be unpacked, in bytes, and how long it is kept without being used. */
const LISTS = { most: 64, size: 16 << 20, idle: 600_000 }

/** Why a request goes no further: `status`, and unless there was no token, `error` and `description` (RFC 6750 §3). */
export class Refused extends Error {
  constructor(status, error, description) {
    super(description ?? 'There is no access token')
    Object.assign(this, { status, error, description })
  }
}

/** Nothing is told about what a better token would have. */
const invalid = () => new Refused(401, 'invalid_token', 'The token is not valid')
const unavailable = (why) => new Refused(503, 'temporarily_unavailable', why)

const now = () => performance.now()
const seconds = () => Date.now() / 1000

/** A pause that keeps no process alive. */
const pause = (time) => new Promise((done) => setTimeout(done, time).unref())

/** A number of the settings. */
function number(name, value, least) {
  if (Number.isFinite(value) && value >= least) return value
  throw new TypeError(`${name} must be a number from ${least}, not ${value}`)
}

/** Logs what is wrong, once until it is well again. */
class Teller {
  #log
  #about
  #said

  constructor(log, about) {
    this.#log = log
    this.#about = about
  }

  wrong(what) {
    if (this.#said === what) return
    this.#said = what
    this.#log(`${this.#about}: ${what}`)
  }

  well() {
    this.#said = undefined
  }
}

/** An answer of the server, with at most FETCH_LIMIT.size of it as `body`. */
async function get(url, headers) {
  const signal = AbortSignal.timeout(FETCH_LIMIT.time)
  const answer = await fetch(url, { headers, signal, redirect: 'error' })
  const parts = []
  let size = 0
  for await (const part of answer.body ?? []) {
    size += part.length
    if (size > FETCH_LIMIT.size) throw new Error(`${url} is too long`)
    parts.push(part)
  }
  return { status: answer.status, headers: answer.headers, body: Buffer.concat(parts).toString() }
}

async function getJson(url) {
  const { status, body } = await get(url, { accept: 'application/json' })
  if (status !== 200) throw new Error(`${url} answers ${status}`)
  return JSON.parse(body)
}

/** The realm's public keys, found by discovery. */
class Keys {
  #issuer
  #teller
  #url
  #known
  #pending
  #tried = -Infinity
  #timer

  constructor({ issuer, log }) {
    this.#issuer = issuer
    this.#teller = new Teller(log, `keys of ${issuer}`)
    // Keys that the realm does not show any more are forgotten, while those of a server that is away stay.
    this.#timer = setInterval(() => this.#load(), KEYS_AGAIN.anyway).unref()
    this.#load()
  }

  get known() {
    return this.#known !== undefined
  }

  /** The key of a token: what jose asks for. Keys that nobody knows are asked for, but not too often. */
  find = async (header, token) => {
    if (!this.#known) await this.#again(KEYS_AGAIN.none)
    if (!this.#known) throw unavailable('The keys of the realm are not known')
    try {
      return await this.#known(header, token)
    } catch (problem) {
      if (problem.code !== 'ERR_JWKS_NO_MATCHING_KEY') throw problem
      await this.#again(KEYS_AGAIN.unknown)
      return this.#known(header, token)
    }
  }

  /** Waits for keys that are under way, or that have not been tried for so long. */
  #again(apart) {
    return this.#pending ?? (now() - this.#tried >= apart ? this.#load() : undefined)
  }

  #load() {
    this.#tried = now()
    this.#pending ??= this.#loaded()
      .then(() => this.#teller.well())
      .catch((problem) => this.#teller.wrong(problem.cause?.message ?? problem.message))
      .finally(() => (this.#pending = undefined))
    return this.#pending
  }

  async #loaded() {
    if (!this.#url) {
      const found = await getJson(`${this.#issuer}/.well-known/openid-configuration`)
      if (found.issuer !== this.#issuer) throw new Error(`the server calls itself ${found.issuer}`)
      this.#url = found.jwks_uri
    }
    this.#known = createLocalJWKSet(await getJson(this.#url))
  }

  close() {
    clearInterval(this.#timer)
  }
}

const KEYS_OF_RECORDS = ['sid', 'sub', 'client_id', 'jti']

/** What has ended: for each choice of keys a table, so that a token is looked up once in each of at most sixteen. */
export class Records {
  #tables = new Map()
  #groups = new Map()
  #size = 0
  #most
  #skew

  /** `skew`: for how many seconds after its end a token may still be let pass. */
  constructor(most, skew) {
    this.#most = most
    this.#skew = skew
  }

  get size() {
    return this.#size
  }

  /** Keeps a record; false if there is no room for it. */
  add(record) {
    const { before_ms: before } = record
    const until = record.until + this.#skew
    const names = KEYS_OF_RECORDS.filter((name) => (record[name] ?? null) !== null)
    const values = names.map((name) => record[name])
    const isGood = Number.isSafeInteger(before) && Number.isFinite(until) && values.every((value) => typeof value === 'string')
    if (!isGood) {
      throw new Error('it has a record that is none')
    }
    if (until <= seconds()) return true
    const kind = names.join(' ')
    const key = JSON.stringify(values)
    const table = this.#tables.get(kind) ?? new Map()
    const kept = table.get(key)
    if (kept) {
      kept.before = Math.max(kept.before, before)
      kept.until = Math.max(kept.until, until)
      return true
    }
    if (this.#size >= this.#most) return false
    this.#tables.set(kind, table.set(key, { before, until }))
    this.#size += 1
    this.#remember(until, { kind, key })
    return true
  }

  /** Whether one of them matches a token. */
  match({ sid, sub, azp, jti, iat }) {
    const claims = { sid, sub, client_id: azp, jti }
    for (const [kind, table] of this.#tables) {
      const values = kind === '' ? [] : kind.split(' ').map((name) => claims[name])
      const kept = table.get(JSON.stringify(values))
      // One that does not say from when it is is taken for older.
      if (kept && !(iat * 1000 > kept.before)) return true
    }
    return false
  }

  #remember(until, entry) {
    const group = Math.ceil(until / GROUP)
    if (!this.#groups.has(group)) this.#groups.set(group, [])
    this.#groups.get(group).push(entry)
  }

  /** Forgets what no token that is alive can match. */
  sweep() {
    const over = seconds()
    for (const [group, entries] of this.#groups) {
      if (group * GROUP > over) continue
      this.#groups.delete(group)
      for (const { kind, key } of entries) {
        const table = this.#tables.get(kind)
        const { until } = table.get(key)
        if (until > over) {
          this.#remember(until, { kind, key })
          continue
        }
        table.delete(key)
        if (table.size === 0) this.#tables.delete(kind)
        this.#size -= 1
      }
    }
  }

  clear() {
    this.#tables.clear()
    this.#groups.clear()
    this.#size = 0
  }
}

/** Reads Server-Sent Events (HTML §9.2) out of bytes. */
export class Events {
  #decoder = new StringDecoder('utf8')
  #rest = ''
  #event = {}
  #size = 0

  #limit(size) {
    if (size > LONGEST_EVENT) throw new Error('it has an event that is too long')
  }

  /** The events that are whole with these bytes, as `{ id, event, data }`. */
  *read(bytes) {
    const lines = (this.#rest + this.#decoder.write(bytes)).split('\n')
    this.#rest = lines.pop()
    for (const ended of lines) {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
      this.#limit((this.#size += line.length))
      if (line === '') {
        if (this.#event.data !== undefined) yield this.#event
        this.#event = {}
        this.#size = 0
        continue
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line)
      if (name === 'data' && this.#event.data !== undefined) this.#event.data += `\n${value}`
      else if (['id', 'event', 'data'].includes(name)) this.#event[name] = value
    }
    this.#limit(this.#size + this.#rest.length)
  }
}

/** Follows the live feed. */
class Feed {
  #options
  #records
  #url
  #teller
  #since
  /** When the last event came, if it is known that none is missing before it. */
  #heard = -Infinity
  #gone = false
  #pause = PAUSE.first
  #request
  #closed = false
  #timer

  constructor(options) {
    this.#options = options
    this.#records = new Records(options.maxRecords, options.clockSkew)
    this.#url = `${options.issuer}/revocations`
    this.#teller = new Teller(options.log, this.#url)
    this.#timer = setInterval(() => this.#records.sweep(), GROUP * 1000).unref()
    this.#follow()
  }

  get current() {
    return now() - this.#heard < this.#options.maxStale * 1000
  }

  check(claims) {
    return { ended: this.#gone || this.#records.match(claims), current: this.current }
  }

  close() {
    this.#closed = true
    this.#heard = -Infinity
    clearInterval(this.#timer)
    this.#request?.destroy()
  }

  async #follow() {
    while (!this.#closed) {
      try {
        await this.#listen()
      } catch (problem) {
        if (!this.#closed) this.#teller.wrong(problem.message)
      }
      await pause(this.#pause * (1 - Math.random() / 2))
      this.#pause = Math.min(this.#pause * 2, PAUSE.last)
    }
  }

  /** Follows one connection to its end. */
  #listen() {
    const { clientId, clientSecret } = this.#options
    const url = new URL(this.#url)
    if (this.#since !== undefined) url.searchParams.set('since', this.#since)
    const id = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':')
    const headers = { accept: 'text/event-stream', authorization: `Basic ${Buffer.from(id).toString('base64')}` }
    return new Promise((done, fail) => {
      const { request } = url.protocol === 'https:' ? https : http
      // A connection of its own, which keeps no process alive.
      this.#request = request(url, { headers, agent: false, timeout: SILENCE })
      this.#request.on('socket', (socket) => socket.unref())
      this.#request.on('timeout', () => this.#request.destroy(new Error('it is silent')))
      this.#request.on('error', fail)
      this.#request.on('close', done)
      this.#request.on('response', (response) => {
        response.on('error', fail)
        try {
          this.#opened(response)
        } catch (problem) {
          this.#request.destroy(problem)
          fail(problem)
        }
      })
      this.#request.end()
    })
  }

  /** Looks at how an answer begins, and takes its events as they come. */
  #opened(response) {
    const { statusCode: status, headers } = response
    this.#gone = status === 404
    if (status === 410) {
      this.#records.clear()
      this.#since = undefined
    }
    if ([401, 403, 410].includes(status)) this.#heard = -Infinity
    const kind = headers['content-type'] ?? 'nothing'
    if (status !== 200) throw new Error(`it answers ${status}`)
    if (!kind.startsWith('text/event-stream')) throw new Error(`it answers with ${kind}`)
    const events = new Events()
    // Until a head has come, something from the time without a connection may be missing.
    let whole = false
    response.on('data', (bytes) => {
      try {
        for (const event of events.read(bytes)) {
          this.#take(event)
          whole ||= event.event === 'head'
          if (whole) this.#heard = now()
        }
      } catch (problem) {
        response.destroy(problem)
      }
    })
  }

  #take({ id, event, data }) {
    if (event === 'revocation' && !this.#records.add(JSON.parse(data))) {
      this.#heard = -Infinity
      throw new Error(`there are more than ${this.#options.maxRecords} records`)
    }
    if (event === 'head') {
      this.#pause = PAUSE.first
      this.#teller.well()
    }
    // Behind what was not taken we do not go on.
    if (id !== undefined) {
      if (!/^\d{1,19}$/.test(id)) throw new Error('it has an event whose number is none')
      this.#since = id
    }
  }
}

/** Keeps the status lists that tokens name. */
class Lists {
  #options
  #keys
  #start
  #lists = new Map()
  #timer

  constructor(options, keys) {
    this.#options = options
    this.#keys = keys
    this.#start = `${options.issuer}/status-lists/`
    this.#timer = setInterval(() => this.#refresh(), 100).unref()
  }

  /** Whether none of the lists that are kept is stale; each is fetched when a first token names it. */
  get current() {
    return this.#keys.known && [...this.#lists.values()].every((list) => !list.tried || this.#isFresh(list))
  }

  async check(claims) {
    const { idx, uri } = claims.status?.status_list ?? {}
    const number = typeof uri === 'string' && uri.startsWith(this.#start) ? uri.slice(this.#start.length) : ''
    // Nothing else is ever fetched, whatever a token names.
    if (!Number.isSafeInteger(idx) || idx < 0 || !/^\d{1,9}$/.test(number)) throw invalid()
    const list = this.#list(uri)
    list.used = now()
    if (now() >= list.end) await this.#load(list)
    if (list.bits && idx >= list.bits.length * 8) throw invalid()
    const isSet = list.bits !== undefined && ((list.bits[Math.floor(idx / 8)] >> (idx % 8)) & 1) === 1
    return { ended: list.gone || isSet, current: this.#isFresh(list) }
  }

  close() {
    clearInterval(this.#timer)
    this.#lists.clear()
  }

  #isFresh(list) {
    return now() - list.heard < this.#options.maxStale * 1000
  }

  #list(uri) {
    let list = this.#lists.get(uri)
    if (!list) {
      if (this.#lists.size >= LISTS.most) this.#lists.delete(this.#lists.keys().next().value)
      const teller = new Teller(this.#options.log, uri)
      list = { uri, teller, end: -Infinity, heard: -Infinity, next: 0, pause: PAUSE.first, gone: false, tried: false }
      this.#lists.set(uri, list)
    }
    return list
  }

  /** Asks again for lists in use before they are too old, so that no request has to wait. */
  #refresh() {
    for (const list of this.#lists.values()) {
      if (now() - list.used > LISTS.idle) this.#lists.delete(list.uri)
      else this.#load(list)
    }
  }

  /** Asks for a list, unless that is under way, or was done a moment ago. */
  #load(list) {
    if (!list.pending && now() >= list.next) {
      list.pending = this.#loaded(list)
        .then(() => {
          list.pause = PAUSE.first
          list.teller.well()
        })
        .catch((problem) => {
          list.next = now() + list.pause * (1 - Math.random() / 2)
          list.pause = Math.min(list.pause * 2, PAUSE.last)
          list.teller.wrong(problem.cause?.message ?? problem.message)
        })
        .finally(() => Object.assign(list, { pending: undefined, tried: true }))
    }
    return list.pending
  }

  async #loaded(list) {
    const asked = now()
    const known = list.etag && seconds() < list.exp ? { 'if-none-match': list.etag } : {}
    const answer = await get(list.uri, { accept: 'application/statuslist+jwt', ...known })
    list.gone = answer.status === 404
    if (answer.status === 200) Object.assign(list, await this.#read(list.uri, answer))
    else if (answer.status !== 304 || !list.bits) throw new Error(`it answers ${answer.status}`)
    // As old as the question: what ended right after it may be missing.
    list.heard = asked
    list.end = asked + Math.min(list.ttl, list.exp - seconds()) * 1000
    list.next = asked + Math.min(list.ttl, this.#options.maxStale) * 500
  }

  async #read(uri, { headers, body }) {
    const rules = { algorithms: ALGORITHMS, typ: 'statuslist+jwt', subject: uri, requiredClaims: ['iat', 'exp', 'ttl'] }
    const { payload } = await jwtVerify(body, this.#keys.find, rules)
    const { bits, lst } = payload.status_list ?? {}
    if (bits !== 1 || typeof lst !== 'string') throw new Error('it is no status list')
    return {
      bits: inflateSync(Buffer.from(lst, 'base64url'), { maxOutputLength: LISTS.size }),
      ttl: Math.min(number('ttl', payload.ttl, 1), 86_400),
      exp: payload.exp,
      etag: headers.get('etag'),
    }
  }
}

export class Verifier {
  #options
  #keys
  #ends

  constructor(options) {
    const { issuer, clientId, clientSecret, mode = 'feed', whenBlind = 'refuse' } = options
    if (!/^https?:\/\//.test(issuer ?? '')) throw new TypeError('issuer must be the address of the realm')
    if (!['feed', 'status-list'].includes(mode)) throw new TypeError(`mode is feed or status-list, not ${mode}`)
    if (!['refuse', 'accept'].includes(whenBlind)) throw new TypeError(`whenBlind is refuse or accept, not ${whenBlind}`)
    if (mode === 'feed' && !(clientId && clientSecret)) throw new TypeError('clientId and clientSecret are missing')
    const maxStale = number('maxStale', options.maxStale ?? 30, 0.001)
    const maxRecords = number('maxRecords', options.maxRecords ?? 1_000_000, 1)
    const clockSkew = number('clockSkew', options.clockSkew ?? 60, 0)
    const log = options.log ?? ((text) => console.warn(text))
    this.#options = { ...options, mode, whenBlind, maxStale, maxRecords, clockSkew, log }
    this.#keys = new Keys(this.#options)
    this.#ends = mode === 'feed' ? new Feed(this.#options) : new Lists(this.#options, this.#keys)
  }

  /** Whether it is known now what has ended. */
  get current() {
    return this.#ends.current
  }

  /** The claims of a token that is good now; throws `Refused` otherwise. */
  async check(token) {
    const claims = await this.#read(token)
    const { ended, current } = await this.#ends.check(claims)
    if (ended) throw new Refused(401, 'invalid_token', 'The token was revoked')
    if (!current && this.#options.whenBlind === 'refuse') throw unavailable('It is not known which tokens were revoked')
    return claims
  }

  async #read(token) {
    if (token.length > LONGEST_TOKEN) throw invalid()
    const { issuer, audience, clockSkew } = this.#options
    const rules = { algorithms: ALGORITHMS, issuer, audience, clockTolerance: clockSkew, requiredClaims: ['exp'] }
    let claims
    try {
      claims = (await jwtVerify(token, this.#keys.find, rules)).payload
    } catch (problem) {
      if (problem instanceof Refused) throw problem
      throw invalid()
    }
    // ID, refresh and logout tokens are signed by the same keys; nobody here checks what a token is bound to.
    if (claims.typ !== 'Bearer' || claims.cnf !== undefined) throw invalid()
    return claims
  }

  /** Checks the token of a header `Authorization`; gives the claims, or what to answer. */
  async #guard(header) {
    const realm = `Bearer realm="${this.#options.issuer}"`
    try {
      const [, token] = /^bearer +(\S+) *$/i.exec(header ?? '') ?? []
      if (!token) throw new Refused(401)
      return { claims: await this.check(token) }
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem
      const { status, error, description } = problem
      const why = error ? `, error="${error}", error_description="${description}"` : ''
      const headers = status === 503 ? { 'retry-after': '1' } : { 'www-authenticate': realm + why }
      return { answer: { status, headers, body: error && { error, error_description: description } } }
    }
  }

  /** Middleware for Express: `request.claims`, or the refusal. */
  express() {
    return (request, response, next) => {
      const guarded = ({ claims, answer }) => {
        if (answer) return response.status(answer.status).set(answer.headers).json(answer.body ?? {})
        request.claims = claims
        next()
      }
      this.#guard(request.headers.authorization).then(guarded).catch(next)
    }
  }

  /** A hook for Fastify: `request.claims`, or the refusal. */
  fastify() {
    return async (request, reply) => {
      const { claims, answer } = await this.#guard(request.headers.authorization)
      if (answer) return reply.code(answer.status).headers(answer.headers).send(answer.body ?? {})
      request.claims = claims
    }
  }

  /** Lets go of the connection. Nothing is current any more. */
  close() {
    this.#keys.close()
    this.#ends.close()
  }
}
