// The shop with openid-client: code flow with PKCE, refresh, introspection, logout at the server, and logout by the
// server, whose token is checked with jose (openid-client leaves that to the application).

import express from 'express'
import session from 'express-session'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oidc from 'openid-client'

const { PORT, ISSUER, CLIENT_ID, CLIENT_SECRET, API } = process.env
const home = `http://127.0.0.1:${PORT}`
const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, {
  execute: [oidc.allowInsecureRequests],
})
const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri))
const sessions = new session.MemoryStore()

const app = express()
app.use(session({ name: 'shop', secret: 'of this shop', resave: false, saveUninitialized: true, store: sessions }))
app.use(express.urlencoded({ extended: false }))

app.get('/', (request, response) => {
  const name = request.session.tokens && request.session.claims.preferred_username
  response.send(name ? `signed in as ${name}` : 'nobody')
})

app.get('/login', async (request, response) => {
  const verifier = oidc.randomPKCECodeVerifier()
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()]
  request.session.login = { verifier, state, nonce }
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${home}/callback`,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  response.redirect(url.href)
})

app.get('/callback', async (request, response) => {
  const { verifier, state, nonce } = request.session.login
  const tokens = await oidc.authorizationCodeGrant(config, new URL(request.originalUrl, home), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  })
  Object.assign(request.session, { tokens, claims: tokens.claims() })
  response.redirect('/')
})

app.get('/orders', async (request, response) => {
  const answer = await oidc.fetchProtectedResource(config, request.session.tokens.access_token, new URL(API), 'GET')
  response.send(await answer.text())
})

app.get('/refresh', async (request, response) => {
  try {
    const tokens = await oidc.refreshTokenGrant(config, request.session.tokens.refresh_token)
    const changed = tokens.access_token !== request.session.tokens.access_token
    const { active } = await oidc.tokenIntrospection(config, tokens.access_token)
    request.session.tokens = { ...request.session.tokens, ...tokens }
    response.send(changed && active ? 'refreshed' : 'not refreshed')
  } catch (problem) {
    delete request.session.tokens
    response.send(problem.error === 'invalid_grant' ? 'session ended' : `${problem}`)
  }
})

app.get('/logout', (request, response) => {
  const { id_token } = request.session.tokens
  delete request.session.tokens
  response.redirect(
    oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: `${home}/`, id_token_hint: id_token }).href,
  )
})

app.post('/backchannel', async (request, response) => {
  const { payload } = await jwtVerify(request.body.logout_token, keys, {
    issuer: config.serverMetadata().issuer,
    audience: CLIENT_ID,
    typ: 'logout+jwt',
    requiredClaims: ['jti', 'iat', 'exp', 'sid', 'events'],
  })
  if (!payload.events['http://schemas.openid.net/event/backchannel-logout'] || 'nonce' in payload) {
    return response.status(400).end()
  }
  sessions.all((_, all) => {
    for (const [id, one] of Object.entries(all)) if (one.claims?.sid === payload.sid) sessions.destroy(id)
    response.end()
  })
})

app.use((problem, _request, response, _next) => {
  console.error(problem)
  response.status(500).send(`${problem}`)
})
app.listen(PORT, '127.0.0.1')
