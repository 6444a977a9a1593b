// The API that every shop calls: keycloak-connect with bearer tokens only, for whoever has the role `customer`.

import express from 'express'
import Keycloak from 'keycloak-connect'

const { PORT, BASE_URL, REALM } = process.env
const keycloak = new Keycloak({}, { realm: REALM, 'auth-server-url': `${BASE_URL}/`, resource: 'api', 'bearer-only': true })

const app = express()
app.use(keycloak.middleware())
app.get('/health', (_, response) => response.end())
app.get('/orders', keycloak.protect('realm:customer'), (request, response) => {
  response.send(`orders of ${request.kauth.grant.access_token.content.preferred_username}`)
})
app.listen(PORT, '127.0.0.1')
