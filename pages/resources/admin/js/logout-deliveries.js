// The ledger of logouts for administrators. Signs in as the realm's own console does: with a code and PKCE (RFC 7636). Tokens are
// kept in this script's memory alone; what has to survive the way to the login page and back is no secret that opens anything by itself.

const CLIENT = 'security-admin-console'
const PAGE = 50
const KEPT = 'claviger.logout-deliveries'
const STATES = { failing: 'failing', given_up: 'given up', pending: 'pending', confirmed: 'confirmed' }

const { issuer, base, realm: home } = document.body.dataset
const at = (id) => document.getElementById(id)
const endpoint = (name) => `${issuer}/protocol/openid-connect/${name}`
const here = location.origin + location.pathname

let tokens
let first = 0
/** Counts what the person has done: what still goes on of something earlier stops then. */
let deed = 0

/** The session is over, or was never there. */
class Over extends Error {}

const text64 = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
const random = () => text64(crypto.getRandomValues(new Uint8Array(32)))

async function toLogin() {
  if (!crypto.subtle) return stop('This page needs HTTPS: the browser signs nobody in without it.')
  const verifier = random()
  const state = random()
  sessionStorage.setItem(KEPT, JSON.stringify({ verifier, state, query: location.search }))
  const challenge = text64(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
  const asked = new URLSearchParams({
    client_id: CLIENT,
    redirect_uri: here,
    response_type: 'code',
    response_mode: 'fragment',
    scope: 'openid',
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
  location.assign(`${endpoint('auth')}?${asked}`)
}

/** The answer of the login in the fragment, if there is one: it is taken out of the address at once. */
function answered() {
  const answer = new URLSearchParams(location.hash.slice(1))
  if (!answer.has('state')) return undefined
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}')
  sessionStorage.removeItem(KEPT)
  history.replaceState(null, '', location.pathname + (kept.query ?? ''))
  if (!kept.state || answer.get('state') !== kept.state) return { error: 'The answer of the login is not for this page.' }
  if (answer.has('error')) return { error: answer.get('error_description') ?? answer.get('error') }
  return { code: answer.get('code') ?? '', verifier: kept.verifier }
}

async function obtain(fields) {
  const body = new URLSearchParams({ client_id: CLIENT, ...fields })
  const answer = await fetch(endpoint('token'), { method: 'POST', body, cache: 'no-store', credentials: 'omit' })
  if (!answer.ok) throw new Over()
  const said = await answer.json()
  const until = Date.now() + Math.max(1, said.expires_in - 10) * 1000
  tokens = { access: said.access_token, refresh: said.refresh_token, until }
}

async function call(method, path, query) {
  if (!tokens) throw new Over()
  if (Date.now() > tokens.until) await obtain({ grant_type: 'refresh_token', refresh_token: tokens.refresh })
  const realm = encodeURIComponent(at('realm').value.trim())
  const answer = await fetch(`${base}/admin/realms/${realm}/logout-deliveries${path}?${query ?? ''}`, {
    method,
    headers: { authorization: `Bearer ${tokens.access}`, accept: 'application/json' },
    cache: 'no-store',
    credentials: 'omit',
  })
  if (answer.status === 401) throw new Over()
  if (answer.status === 403) {
    const role = method === 'GET' ? 'view-events' : 'manage-events'
    throw new Error(`You may not do this in realm ${at('realm').value}: the role ${role} is needed.`)
  }
  const said = await answer.json().catch(() => ({}))
  if (!answer.ok) {
    const text = said.errorMessage ?? said.error_description ?? said.error ?? `The server answered ${answer.status}.`
    throw Object.assign(new Error(text), { status: answer.status })
  }
  return said
}

/** What the form asks for, in the words of the API. */
function wanted() {
  const query = new URLSearchParams()
  for (const name of ['client', 'user', 'session']) {
    const value = at(name).value.trim()
    if (value) query.set(name, value)
  }
  const since = at('since').valueAsNumber
  // The field knows no time zone: it means the browser's.
  if (!Number.isNaN(since)) query.set('since', String(new Date(at('since').value).getTime()))
  const states = [...document.querySelectorAll('[name=state]:checked')].map((box) => box.value)
  if (states.length) query.set('state', states.join(','))
  return query
}

/** Keeps what is shown in the address, so that it can be sent to somebody. */
function remember() {
  const query = new URLSearchParams({ realm: at('realm').value.trim() })
  for (const name of ['client', 'user', 'session', 'since']) if (at(name).value) query.set(name, at(name).value)
  for (const box of document.querySelectorAll('[name=state]:checked')) query.append('state', box.value)
  if (first) query.set('first', String(first))
  history.replaceState(null, '', `${location.pathname}?${query}`)
}

function recall() {
  const query = new URLSearchParams(location.search)
  at('realm').value = query.get('realm') || home
  for (const name of ['client', 'user', 'session', 'since']) at(name).value = query.get(name) ?? ''
  const states = query.getAll('state').flatMap((value) => value.split(','))
  for (const box of document.querySelectorAll('[name=state]')) box.checked = states.includes(box.value)
  first = Math.max(0, Number.parseInt(query.get('first') ?? '0', 10) || 0)
}

function element(name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties)
  if (text !== undefined) made.textContent = text
  return made
}

function moment(milliseconds) {
  const date = new Date(milliseconds)
  return element('time', date.toLocaleString(), { dateTime: date.toISOString() })
}

function fact(name, value) {
  const line = element('div')
  const told = element('dd')
  told.append(value)
  line.append(element('dt', name), told)
  return line
}

function shown(delivery) {
  const item = element('li', undefined, { id: `delivery-${delivery.id}` })
  item.dataset.state = delivery.state
  const heading = element('h3', delivery.clientId, { tabIndex: -1 })
  heading.append(' ', element('span', STATES[delivery.state] ?? delivery.state, { className: 'state' }))
  const facts = element('dl')
  facts.append(fact('Written', moment(delivery.created)))
  facts.append(fact('Attempts', String(delivery.attempts)))
  if (delivery.lastError) facts.append(fact('Last error', delivery.lastError))
  if (delivery.nextAttempt) facts.append(fact('Next attempt', moment(delivery.nextAttempt)))
  if (delivery.ended) facts.append(fact(delivery.state === 'confirmed' ? 'Confirmed' : 'Given up', moment(delivery.ended)))
  facts.append(fact('Address', delivery.address), fact('Channel', delivery.channel))
  if (delivery.reason) facts.append(fact('Why it ended', delivery.reason))
  if (delivery.userId) facts.append(fact('User', delivery.userId))
  if (delivery.sessionId) facts.append(fact('Session', delivery.sessionId))
  item.append(heading, facts)
  if (delivery.state !== 'confirmed') {
    const button = element('button', 'Retry now', { type: 'button', className: 'secondary small' })
    button.append(element('span', ` to ${delivery.clientId}, written ${new Date(delivery.created).toLocaleString()}`, { className: 'unseen' }))
    button.addEventListener('click', () => guarded(() => retry(delivery)))
    item.append(button)
  }
  return item
}

async function show(said = '') {
  remember()
  const query = wanted()
  const page = new URLSearchParams(query)
  page.set('first', String(first))
  page.set('max', String(PAGE))
  const [found, counts] = await Promise.all([call('GET', '', page), call('GET', '/count', query)])
  at('deliveries').replaceChildren(...found.map(shown))
  const parts = Object.keys(STATES).filter((state) => counts[state]).map((state) => `${counts[state]} ${STATES[state]}`)
  const range = found.length && counts.count > found.length ? `; ${first + 1} to ${first + found.length} are shown` : ''
  const sum = counts.count ? `${counts.count} found: ${parts.join(', ')}${range}.` : 'None found.'
  at('status').textContent = `${said} ${sum}`.trim()
  at('newer').disabled = first === 0
  at('older').disabled = first + found.length >= counts.count
  return found
}

async function retry(delivery) {
  const said = await call('POST', `/${encodeURIComponent(delivery.id)}/retry`).then(
    () => `${delivery.clientId} is told again now.`,
    (failure) => {
      // It was told since the list was read.
      if (failure.status !== 409) throw failure
      return `${failure.message}.`
    },
  )
  await follow(delivery, said, (deed += 1), 8)
}

/** Looks what comes of it, until the receiver has confirmed it, or somebody does something else here. */
async function follow(delivery, said, mine, times) {
  const line = at(`delivery-${delivery.id}`)
  const had = line?.contains(document.activeElement)
  const found = await show(said)
  if (had) (at(`delivery-${delivery.id}`)?.querySelector('h3') ?? at('found')).focus()
  const now = found.find(({ id }) => id === delivery.id)
  if (times === 0 || !now || now.state === 'confirmed') return
  setTimeout(() => mine === deed && guarded(() => follow(delivery, said, mine, times - 1)), 1_500)
}

async function retryAll() {
  deed += 1
  const query = wanted()
  // Without states: all that fails or was given up.
  const states = (query.get('state') ?? '').split(',').filter((state) => state === 'failing' || state === 'given_up')
  if (states.length) query.set('state', states.join(','))
  else query.delete('state')
  const { retried, refused, more } = await call('POST', '/retry', query)
  const rest = `${refused.length ? `, ${refused.length} cannot be told any more` : ''}${more ? '; there are more' : ''}`
  await show(`${retried} are told again now${rest}.`)
  at('found').focus()
}

function turn(by) {
  deed += 1
  first = Math.max(0, first + by)
  return show().then(() => at('found').focus())
}

async function signOut() {
  deed += 1
  const { refresh } = tokens ?? {}
  tokens = undefined
  at('deliveries').replaceChildren()
  if (refresh) {
    const body = new URLSearchParams({ client_id: CLIENT, refresh_token: refresh })
    await fetch(endpoint('logout'), { method: 'POST', body, credentials: 'omit' }).catch(() => undefined)
  }
  stop('You are signed out.')
}

/** Nothing can be shown until somebody signs in. */
function stop(why) {
  at('ledger').hidden = true
  at('sign-out').hidden = true
  at('sign-in').hidden = false
  problem(why)
}

function problem(text) {
  at('problem').hidden = !text
  at('problem').textContent = text
}

async function guarded(what) {
  try {
    problem('')
    await what()
  } catch (failure) {
    if (failure instanceof Over) stop('Your session is over.')
    else problem(failure instanceof TypeError ? 'The server cannot be reached.' : failure.message)
  }
}

at('sign-in').addEventListener('click', () => toLogin())
at('sign-out').addEventListener('click', () => signOut())
at('newer').addEventListener('click', () => guarded(() => turn(-PAGE)))
at('older').addEventListener('click', () => guarded(() => turn(PAGE)))
at('retry-all').addEventListener('click', () => guarded(retryAll))
at('filters').addEventListener('submit', (event) => {
  event.preventDefault()
  deed += 1
  first = 0
  guarded(() => show())
})

const answer = answered()
if (!answer) await toLogin()
else if (answer.error) stop(answer.error)
else {
  await guarded(async () => {
    await obtain({ grant_type: 'authorization_code', code: answer.code, redirect_uri: here, code_verifier: answer.verifier })
    recall()
    at('ledger').hidden = false
    at('sign-out').hidden = false
    await show()
  })
}
