// The shop with keycloak-connect: sessions of Express, logout by Keycloak's own message (`k_logout` at the admin URL).

import express from 'express'
import session from 'express-session'
import Keycloak from 'keycloak-connect'

const { PORT, BASE_URL, REALM, CLIENT_ID, CLIENT_SECRET, API } = process.env
const store = new session.MemoryStore()
const keycloak = new Keycloak({ store }, {
  realm: REALM,
  'auth-server-url': `${BASE_URL}/`,
  resource: CLIENT_ID,
  credentials: { secret: CLIENT_SECRET },
})

const app = express()
app.use(session({ name: 'shop', secret: 'of this shop', resave: false, saveUninitialized: true, store }))
app.use(keycloak.middleware({ logout: '/logout', admin: '/' }))

app.get('/', (request, response) => {
  const name = request.kauth.grant?.access_token.content.preferred_username
  response.send(name ? `signed in as ${name}` : 'nobody')
})

app.get('/login', keycloak.protect(), (_, response) => response.redirect('/'))

app.get('/orders', keycloak.protect('realm:customer'), async (request, response) => {
  const authorization = `Bearer ${request.kauth.grant.access_token.token}`
  response.send(await (await fetch(API, { headers: { authorization } })).text())
})

app.get('/refresh', keycloak.protect(), async (request, response) => {
  const grant = request.kauth.grant
  const before = grant.access_token.token
  // As if it had expired: the adapter refreshes no other.
  grant.access_token.content.exp = 0
  try {
    const fresh = await keycloak.grantManager.ensureFreshness(grant)
    keycloak.storeGrant(fresh, request, response)
    response.send(fresh.access_token.token === before ? 'not refreshed' : 'refreshed')
  } catch (problem) {
    grant.unstore(request, response)
    response.send(`${problem}`.includes('400') ? 'session ended' : `${problem}`)
  }
})

app.listen(PORT, '127.0.0.1')
