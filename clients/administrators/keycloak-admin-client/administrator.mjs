// An administrator's work with @keycloak/keycloak-admin-client, by the library's own methods.

import assert from 'node:assert/strict'
import KeycloakAdminClient from '@keycloak/keycloak-admin-client'

const { BASE_URL, REALM, ADMIN, ADMIN_PASSWORD } = process.env
const kc = new KeycloakAdminClient({ baseUrl: BASE_URL, realmName: 'master' })
const signIn = () => kc.auth({ username: ADMIN, password: ADMIN_PASSWORD, grantType: 'password', clientId: 'admin-cli' })

const names = (things, key = 'name') => things.map((thing) => thing[key]).sort()
/** What is done is refused. */
const refused = (promise, status) => assert.rejects(promise, (problem) => {
  assert.equal(problem.response?.status, status, problem.stack)
  return true
})
/** What later groups need of earlier ones. */
const ids = {}

async function realms() {
  await kc.realms.create({ realm: REALM, enabled: true, sslRequired: 'none' })
  await refused(kc.realms.create({ realm: REALM }), 409)
  kc.setConfig({ realmName: REALM })
  assert.ok(names(await kc.realms.find(), 'realm').includes(REALM))
  await kc.realms.update({ realm: REALM }, { displayName: 'A shop', bruteForceProtected: true, failureFactor: 2 })
  const realm = await kc.realms.findOne({ realm: REALM })
  assert.deepEqual([realm.displayName, realm.failureFactor], ['A shop', 2])
  assert.equal(await kc.realms.findOne({ realm: `${REALM}-of-nobody` }), null)
  const keys = await kc.realms.getKeys({ realm: REALM })
  assert.ok(keys.active.RS256 && keys.keys.length >= 4)
  const made = await kc.realms.createClientsInitialAccess({ realm: REALM }, { count: 2, expiration: 60 })
  assert.ok(made.token)
  const [known] = await kc.realms.getClientsInitialAccess({ realm: REALM })
  assert.deepEqual([known.id, known.remainingCount], [made.id, 2])
  await kc.realms.delClientsInitialAccess({ realm: REALM, id: made.id })
  assert.deepEqual(await kc.realms.getClientsInitialAccess({ realm: REALM }), [])
  assert.ok(names(await kc.realms.getClientRegistrationPolicyProviders({ realm: REALM }), 'id').includes('trusted-hosts'))
}

async function localization() {
  await kc.realms.addLocalization({ realm: REALM, selectedLocale: 'de', key: 'doLogIn' }, 'Hinein')
  assert.deepEqual(await kc.realms.getRealmSpecificLocales({ realm: REALM, selectedLocale: '' }), ['de'])
  assert.deepEqual(await kc.realms.getRealmLocalizationTexts({ realm: REALM, selectedLocale: 'de' }), { doLogIn: 'Hinein' })
  await kc.realms.deleteRealmLocalizationTexts({ realm: REALM, selectedLocale: 'de', key: 'doLogIn' })
  assert.deepEqual(await kc.realms.getRealmLocalizationTexts({ realm: REALM, selectedLocale: 'de' }), {})
}

async function profile() {
  const settings = await kc.users.getProfile()
  assert.deepEqual(names(settings.attributes), ['email', 'firstName', 'lastName', 'username'])
  settings.attributes.push({ name: 'size', displayName: 'Size', permissions: { view: ['admin', 'user'], edit: ['admin'] } })
  await kc.users.updateProfile({ ...settings, unmanagedAttributePolicy: 'ENABLED' })
  assert.ok(names((await kc.users.getProfileMetadata()).attributes).includes('size'))
}

async function clients() {
  const shop = {
    clientId: 'shop', secret: 'of-no-worth', publicClient: false, directAccessGrantsEnabled: true, serviceAccountsEnabled: true,
    redirectUris: ['https://shop.example/*'],
  }
  const { id } = await kc.clients.create(shop)
  ids.shop = id
  await refused(kc.clients.create(shop), 409)
  assert.deepEqual(names(await kc.clients.find({ clientId: 'sho', search: true }), 'clientId'), ['shop'])
  await kc.clients.update({ id }, { clientId: 'shop', description: 'Shoes' })
  assert.equal((await kc.clients.findOne({ id })).description, 'Shoes')
  assert.equal((await kc.clients.getClientSecret({ id })).value, 'of-no-worth')
  assert.notEqual((await kc.clients.generateNewClientSecret({ id })).value, 'of-no-worth')
  await kc.clients.update({ id }, { clientId: 'shop', secret: 'of-no-worth' })
  assert.ok((await kc.clients.generateRegistrationAccessToken({ id })).registrationAccessToken)
  assert.equal((await kc.clients.getServiceAccountUser({ id })).username, 'service-account-shop')
  const adapter = await kc.clients.getInstallationProviders({ id, providerId: 'keycloak-oidc-keycloak-json' })
  assert.equal((typeof adapter === 'string' ? JSON.parse(adapter) : adapter).resource, 'shop')

  const mapper = (name) => ({
    name, protocol: 'openid-connect', protocolMapper: 'oidc-audience-mapper',
    config: { 'included.custom.audience': name, 'access.token.claim': 'true' },
  })
  await kc.clients.addProtocolMapper({ id }, mapper('shop'))
  await kc.clients.addMultipleProtocolMappers({ id }, [mapper('stock'), mapper('till')])
  const mappers = await kc.clients.listProtocolMappers({ id })
  const stock = mappers.find(({ name }) => name === 'stock')
  await kc.clients.updateProtocolMapper({ id, mapperId: stock.id }, { ...stock, config: { ...stock.config, 'included.custom.audience': 'x' } })
  assert.equal((await kc.clients.findProtocolMapperById({ id, mapperId: stock.id })).config['included.custom.audience'], 'x')
  await kc.clients.delProtocolMapper({ id, mapperId: stock.id })
  const left = await kc.clients.findProtocolMappersByProtocol({ id, protocol: 'openid-connect' })
  assert.ok(names(left).includes('till') && !names(left).includes('stock'))

  const key = await kc.clients.generateKey({ id, attr: 'jwt.credential' })
  assert.equal((await kc.clients.getKeyInfo({ id, attr: 'jwt.credential' })).certificate, key.certificate)
  await kc.clients.addClusterNode({ id, node: '127.0.0.1' })
  assert.ok((await kc.clients.findOne({ id })).registeredNodes['127.0.0.1'])
  await kc.clients.deleteClusterNode({ id, node: '127.0.0.1' })
  const gone = await kc.clients.create({ clientId: 'gone' })
  await kc.clients.del({ id: gone.id })
  assert.equal(await kc.clients.findOne({ id: gone.id }), null)
}

async function scopes() {
  const { id } = await kc.clientScopes.create({ name: 'orders', protocol: 'openid-connect' })
  ids.orders = id
  await refused(kc.clientScopes.create({ name: 'orders', protocol: 'openid-connect' }), 409)
  await kc.clientScopes.update({ id }, { name: 'orders', description: 'What was bought' })
  assert.equal((await kc.clientScopes.findOne({ id })).description, 'What was bought')
  assert.equal((await kc.clientScopes.findOneByName({ name: 'orders' })).id, id)
  const mapper = { name: 'size', protocol: 'openid-connect', protocolMapper: 'oidc-usermodel-attribute-mapper', config: { 'claim.name': 'size' } }
  await kc.clientScopes.addProtocolMapper({ id }, mapper)
  await kc.clientScopes.addMultipleProtocolMappers({ id }, [{ ...mapper, name: 'shoes' }])
  const found = await kc.clientScopes.findProtocolMapperByName({ id, name: 'size' })
  await kc.clientScopes.updateProtocolMapper({ id, mapperId: found.id }, { ...found, config: { 'claim.name': 'shoe' } })
  assert.equal((await kc.clientScopes.findProtocolMapper({ id, mapperId: found.id })).config['claim.name'], 'shoe')
  await kc.clientScopes.delProtocolMapper({ id, mapperId: found.id })
  assert.deepEqual(names(await kc.clientScopes.listProtocolMappers({ id })), ['shoes'])
  await kc.clientScopes.addDefaultClientScope({ id })
  assert.ok(names(await kc.clientScopes.listDefaultClientScopes()).includes('orders'))
  await kc.clientScopes.delDefaultClientScope({ id })
  await kc.clientScopes.addDefaultOptionalClientScope({ id })
  assert.ok(names(await kc.clientScopes.listDefaultOptionalClientScopes()).includes('orders'))
  await kc.clientScopes.delDefaultOptionalClientScope({ id })
  const at = { id: ids.shop, clientScopeId: id }
  await kc.clients.addDefaultClientScope(at)
  assert.ok(names(await kc.clients.listDefaultClientScopes({ id: ids.shop })).includes('orders'))
  await kc.clients.delDefaultClientScope(at)
  await kc.clients.addOptionalClientScope(at)
  assert.ok(names(await kc.clients.listOptionalClientScopes({ id: ids.shop })).includes('orders'))
  await kc.clients.delOptionalClientScope(at)
}

async function roles() {
  for (const name of ['customer', 'clerk', 'manager']) assert.equal((await kc.roles.create({ name })).roleName, name)
  await refused(kc.roles.create({ name: 'clerk' }), 409)
  assert.deepEqual(names(await kc.roles.find({ search: 'cler', first: 0, max: 5 })), ['clerk'])
  await kc.roles.updateByName({ name: 'clerk' }, { name: 'clerk', description: 'Who sells', attributes: { floor: ['1'] } })
  const clerk = await kc.roles.findOneByName({ name: 'clerk' })
  assert.deepEqual([clerk.description, clerk.attributes], ['Who sells', { floor: ['1'] }])
  const manager = await kc.roles.findOneByName({ name: 'manager' })
  const { shop } = ids
  for (const name of ['vip', 'discount']) await kc.clients.createRole({ id: shop, name })
  await kc.clients.updateRole({ id: shop, roleName: 'vip' }, { name: 'vip', description: 'Very important' })
  const vip = await kc.clients.findRole({ id: shop, roleName: 'vip' })
  assert.equal(vip.description, 'Very important')
  assert.deepEqual(names(await kc.clients.listRoles({ id: shop })), ['discount', 'vip'])
  await kc.roles.createComposite({ roleId: manager.id }, [clerk, vip])
  assert.deepEqual(names(await kc.roles.getCompositeRoles({ id: manager.id })), ['clerk', 'vip'])
  assert.deepEqual(names(await kc.roles.getCompositeRolesForRealm({ id: manager.id })), ['clerk'])
  assert.deepEqual(names(await kc.roles.getCompositeRolesForClient({ id: manager.id, clientId: shop })), ['vip'])
  await kc.roles.delCompositeRoles({ id: manager.id }, [clerk])
  assert.deepEqual(names(await kc.roles.getCompositeRoles({ id: manager.id })), ['vip'])
  await kc.roles.updateById({ id: manager.id }, { ...manager, description: 'Who decides' })
  assert.equal((await kc.roles.findOneById({ id: manager.id })).description, 'Who decides')
  await kc.roles.delById({ id: manager.id })
  assert.equal(await kc.roles.findOneByName({ name: 'manager' }), null)
  Object.assign(ids, { clerk, vip })

  await kc.clients.update({ id: shop }, { clientId: 'shop', fullScopeAllowed: false })
  for (const [resource, id] of [[kc.clients, shop], [kc.clientScopes, ids.orders]]) {
    await resource.addRealmScopeMappings({ id }, [clerk])
    assert.deepEqual(names(await resource.listRealmScopeMappings({ id })), ['clerk'])
    assert.ok(names(await resource.listAvailableRealmScopeMappings({ id })).includes('customer'))
    assert.ok(names(await resource.listCompositeRealmScopeMappings({ id })).includes('clerk'))
    await resource.delRealmScopeMappings({ id }, [clerk])
    const [account] = await kc.clients.find({ clientId: 'account' })
    const view = await kc.clients.findRole({ id: account.id, roleName: 'view-profile' })
    await resource.addClientScopeMappings({ id, client: account.id }, [view])
    assert.deepEqual(names(await resource.listClientScopeMappings({ id, client: account.id })), ['view-profile'])
    assert.ok((await resource.listScopeMappings({ id })).clientMappings.account)
    assert.ok(!names(await resource.listAvailableClientScopeMappings({ id, client: account.id })).includes('view-profile'))
    assert.ok(names(await resource.listCompositeClientScopeMappings({ id, client: account.id })).includes('view-profile'))
    await resource.delClientScopeMappings({ id, client: account.id }, [view])
  }
  await kc.clients.update({ id: shop }, { clientId: 'shop', fullScopeAllowed: true })
}

async function groups() {
  const staff = await kc.groups.create({ name: 'staff', attributes: { floor: ['1'] } })
  await refused(kc.groups.create({ name: 'staff' }), 409)
  const cellar = await kc.groups.createChildGroup({ id: staff.id }, { name: 'cellar' })
  await kc.groups.update({ id: cellar.id }, { name: 'vault' })
  assert.deepEqual((await kc.groups.findOne({ id: staff.id })).attributes, { floor: ['1'] })
  assert.deepEqual(names(await kc.groups.listSubGroups({ parentId: staff.id })), ['vault'])
  assert.equal((await kc.realms.getGroupByPath({ realm: REALM, path: 'staff/vault' })).id, cellar.id)
  assert.deepEqual(names(await kc.groups.find({ search: 'vau' })), ['staff'], 'with the way to it')
  assert.equal((await kc.groups.count()).count, 2)
  await kc.realms.addDefaultGroup({ realm: REALM, id: cellar.id })
  assert.deepEqual(names(await kc.realms.getDefaultGroups({ realm: REALM })), ['vault'])
  await kc.realms.removeDefaultGroup({ realm: REALM, id: cellar.id })
  const { id } = staff
  const { shop, clerk, vip } = ids
  await kc.groups.addRealmRoleMappings({ id, roles: [clerk] })
  await kc.groups.addClientRoleMappings({ id, clientUniqueId: shop, roles: [vip] })
  assert.deepEqual(names(await kc.groups.listRealmRoleMappings({ id })), ['clerk'])
  assert.deepEqual(names(await kc.groups.listCompositeRealmRoleMappings({ id })), ['clerk'])
  assert.ok(!names(await kc.groups.listAvailableRealmRoleMappings({ id })).includes('clerk'))
  assert.deepEqual(names(await kc.groups.listClientRoleMappings({ id, clientUniqueId: shop })), ['vip'])
  assert.deepEqual(names(await kc.groups.listCompositeClientRoleMappings({ id, clientUniqueId: shop })), ['vip'])
  assert.deepEqual(names(await kc.groups.listAvailableClientRoleMappings({ id, clientUniqueId: shop })), ['discount'])
  assert.ok((await kc.groups.listRoleMappings({ id })).clientMappings.shop)
  await kc.groups.delRealmRoleMappings({ id, roles: [clerk] })
  await kc.groups.delClientRoleMappings({ id, clientUniqueId: shop, roles: [vip] })
  await kc.groups.del({ id: cellar.id })
  assert.equal(await kc.groups.findOne({ id: cellar.id }), null)
  ids.staff = id
}

async function users() {
  const person = { enabled: true, emailVerified: true, firstName: 'Alice', lastName: 'Liddell' }
  const { id } = await kc.users.create({
    ...person, username: 'alice', email: 'alice@shop.example', attributes: { size: ['38'], other: ['x'] },
    credentials: [{ type: 'password', value: 'second', userLabel: 'mine' }],
  })
  ids.alice = id
  await refused(kc.users.create({ username: 'alice' }), 409)
  for (const number of [1, 2, 3]) await kc.users.create({ ...person, username: `guest${number}`, email: `guest${number}@shop.example` })
  assert.deepEqual([await kc.users.count(), await kc.users.count({ search: 'guest' })], [4, 3])
  assert.deepEqual(names(await kc.users.find({ search: 'guest', first: 1, max: 1 }), 'username'), ['guest2'])
  assert.deepEqual(names(await kc.users.find({ q: 'size:38' }), 'username'), ['alice'])
  assert.deepEqual(names(await kc.users.find({ username: 'alic', exact: true }), 'username'), [])
  assert.deepEqual(names(await kc.users.find({ email: 'alice@shop.example', exact: true }), 'username'), ['alice'])
  await kc.users.update({ id }, { firstName: 'Alicia', lastName: 'Liddell', email: 'alice@shop.example', attributes: { size: ['39'], other: ['x'] } })
  const alice = await kc.users.findOne({ id, userProfileMetadata: true })
  assert.deepEqual([alice.firstName, alice.attributes.size], ['Alicia', ['39']])
  assert.deepEqual(await kc.users.getUnmanagedAttributes({ id }), { other: ['x'] })
  await kc.users.resetPassword({ id, credential: { type: 'password', value: 'third', temporary: true } })
  assert.deepEqual((await kc.users.findOne({ id })).requiredActions, ['UPDATE_PASSWORD'])
  await kc.users.resetPassword({ id, credential: { type: 'password', value: 'second', temporary: false } })
  const [password] = await kc.users.getCredentials({ id })
  await kc.users.updateCredentialLabel({ id, credentialId: password.id }, 'by heart')
  assert.equal((await kc.users.getCredentials({ id }))[0].userLabel, 'by heart')
  assert.deepEqual(await kc.users.getUserStorageCredentialTypes({ id }), [])
  await kc.users.addToGroup({ id, groupId: ids.staff })
  assert.deepEqual(names(await kc.users.listGroups({ id })), ['staff'])
  assert.equal((await kc.users.countGroups({ id })).count, 1)
  assert.deepEqual(names(await kc.groups.listMembers({ id: ids.staff }), 'username'), ['alice'])
  await kc.users.delFromGroup({ id, groupId: ids.staff })
  const [guest] = await kc.users.find({ username: 'guest3' })
  await kc.users.del({ id: guest.id })
  assert.equal(await kc.users.findOne({ id: guest.id }), null)
}

async function roleMappings() {
  const { alice: id, shop, clerk, vip } = ids
  await kc.users.addRealmRoleMappings({ id, roles: [clerk] })
  await kc.users.addClientRoleMappings({ id, clientUniqueId: shop, roles: [vip] })
  assert.deepEqual(names(await kc.users.listRealmRoleMappings({ id })), ['clerk', `default-roles-${REALM}`])
  assert.ok(names(await kc.users.listCompositeRealmRoleMappings({ id })).includes('offline_access'))
  assert.ok(names(await kc.users.listAvailableRealmRoleMappings({ id })).includes('customer'))
  assert.deepEqual(names(await kc.users.listClientRoleMappings({ id, clientUniqueId: shop })), ['vip'])
  assert.deepEqual(names(await kc.users.listCompositeClientRoleMappings({ id, clientUniqueId: shop })), ['vip'])
  assert.deepEqual(names(await kc.users.listAvailableClientRoleMappings({ id, clientUniqueId: shop })), ['discount'])
  assert.ok((await kc.users.listRoleMappings({ id })).clientMappings.shop)
  assert.deepEqual(names(await kc.roles.findUsersWithRole({ name: 'clerk' }), 'username'), ['alice'])
  assert.deepEqual(names(await kc.clients.findUsersWithRole({ id: shop, roleName: 'vip' }), 'username'), ['alice'])
  const at = { id: shop, userId: id, scope: 'openid' }
  assert.deepEqual((await kc.clients.evaluateGenerateAccessToken(at)).realm_access.roles.includes('clerk'), true)
  assert.equal((await kc.clients.evaluateGenerateIdToken(at)).preferred_username, 'alice')
  assert.equal((await kc.clients.evaluateGenerateUserInfo(at)).preferred_username, 'alice')
  const granted = await kc.clients.evaluatePermission({ id: shop, roleContainer: REALM, type: 'granted', scope: 'openid' })
  assert.ok(names(granted).includes('clerk'))
  assert.ok((await kc.clients.evaluateListProtocolMapper({ id: shop, scope: 'openid' })).length > 5)
  await kc.users.delRealmRoleMappings({ id, roles: [clerk] })
  await kc.users.delClientRoleMappings({ id, clientUniqueId: shop, roles: [vip] })
}

const tokens = async (password, more = {}) => {
  const answer = await fetch(`${BASE_URL}/realms/${REALM}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'shop', client_secret: 'of-no-worth', grant_type: 'password', username: 'alice', password, ...more }),
  })
  return { status: answer.status, ...(await answer.json()) }
}

async function sessions() {
  const { alice: id, shop } = ids
  assert.equal((await tokens('second')).status, 200)
  assert.equal((await tokens('second', { scope: 'offline_access' })).status, 200)
  const [online] = await kc.users.listSessions({ id })
  assert.equal(online.username, 'alice')
  assert.equal((await kc.users.listOfflineSessions({ id, clientId: shop })).length, 1)
  assert.deepEqual([(await kc.clients.getSessionCount({ id: shop })).count, (await kc.clients.getOfflineSessionCount({ id: shop })).count], [1, 1])
  assert.equal((await kc.clients.listSessions({ id: shop })).length, 1)
  assert.equal((await kc.clients.listOfflineSessions({ id: shop })).length, 1)
  const [figures] = (await kc.realms.getClientSessionStats({ realm: REALM })).filter(({ clientId }) => clientId === 'shop')
  assert.deepEqual([figures.active, figures.offline], ['1', '1'])
  const [consent] = await kc.users.listConsents({ id })
  assert.equal(consent.clientId, 'shop', 'an offline token is shown among the consents')
  await kc.users.revokeConsent({ id, clientId: 'shop' })
  assert.equal((await kc.users.listOfflineSessions({ id, clientId: shop })).length, 0)
  await kc.realms.deleteSession({ realm: REALM, session: online.id, isOffline: false }).catch(async (problem) => {
    if (problem.response?.status !== 404) throw problem
  })
  await tokens('second')
  await kc.users.logout({ id })
  assert.deepEqual(await kc.users.listSessions({ id }), [])
  await tokens('second')
  await kc.realms.logoutAll({ realm: REALM })
  assert.deepEqual(await kc.users.listSessions({ id }), [])
  await kc.realms.pushRevocation({ realm: REALM })

  for (const _ of [1, 2, 3]) assert.notEqual((await tokens('wrong')).status, 200)
  assert.equal((await kc.attackDetection.findOne({ id })).disabled, true)
  await kc.attackDetection.del({ id })
  assert.equal((await kc.attackDetection.findOne({ id })).disabled, false)
  await kc.attackDetection.delAll()
}

async function flows() {
  const all = kc.authenticationManagement
  assert.ok(names(await all.getFlows(), 'alias').includes('browser'))
  await all.copyFlow({ flow: 'browser', newName: 'copy' })
  const { id } = await all.createFlow({ alias: 'mine', providerId: 'basic-flow', topLevel: true, builtIn: false })
  await refused(all.createFlow({ alias: 'mine', providerId: 'basic-flow', topLevel: true }), 409)
  await all.updateFlow({ flowId: id }, { ...(await all.getFlow({ flowId: id })), description: 'Mine' })
  assert.equal((await all.getFlow({ flowId: id })).description, 'Mine')
  await all.addExecutionToFlow({ flow: 'mine', provider: 'auth-cookie' })
  await all.addExecutionToFlow({ flow: 'mine', provider: 'identity-provider-redirector' })
  await all.addFlowToFlow({ flow: 'mine', alias: 'my forms', type: 'basic-flow', provider: 'registration-page-form', description: '' })
  let [cookie, redirector] = await all.getExecutions({ flow: 'mine' })
  await all.updateExecution({ flow: 'mine' }, { ...cookie, requirement: 'ALTERNATIVE' })
  await all.raisePriorityExecution({ id: redirector.id })
  ;[redirector, cookie] = await all.getExecutions({ flow: 'mine' })
  assert.deepEqual([redirector.providerId, cookie.requirement], ['identity-provider-redirector', 'ALTERNATIVE'])
  await all.lowerPriorityExecution({ id: redirector.id })
  const config = await all.createConfig({ id: redirector.id, alias: 'to them', config: { defaultProvider: 'other' } })
  assert.deepEqual((await all.getConfig({ id: config.id })).config, { defaultProvider: 'other' })
  await all.updateConfig({ id: config.id, alias: 'to them', config: { defaultProvider: 'another' } })
  assert.deepEqual((await all.getConfig({ id: config.id })).config, { defaultProvider: 'another' })
  await all.delConfig({ id: config.id })
  assert.ok((await all.getConfigDescription({ providerId: 'identity-provider-redirector' })).properties.length > 0)
  await all.delExecution({ id: cookie.id })
  assert.equal((await all.getExecutions({ flow: 'mine' })).length, 2)
  await all.deleteFlow({ flowId: id })
  for (const list of [all.getFormProviders(), all.getAuthenticatorProviders(), all.getClientAuthenticatorProviders(), all.getFormActionProviders()]) {
    assert.ok((await list).length > 0)
  }
  const actions = await all.getRequiredActions()
  assert.ok(names(actions, 'alias').includes('CONFIGURE_TOTP'))
  const alias = 'TERMS_AND_CONDITIONS'
  const terms = await all.getRequiredActionForAlias({ alias })
  await all.updateRequiredAction({ alias }, { ...terms, enabled: true })
  assert.equal((await all.getRequiredActionForAlias({ alias })).enabled, true)
  await all.raiseRequiredActionPriority({ alias })
  await all.lowerRequiredActionPriority({ alias })
  await all.deleteRequiredAction({ alias })
  const [free] = (await all.getUnregisteredRequiredActions()).filter(({ providerId }) => providerId === alias)
  await all.registerRequiredAction(free)
  assert.ok(await all.getRequiredActionForAlias({ alias }))
}

async function components() {
  const { id: parentId } = await kc.realms.findOne({ realm: REALM })
  const type = 'org.keycloak.keys.KeyProvider'
  const elliptic = { name: 'elliptic', providerId: 'ecdsa-generated', providerType: type, parentId }
  const { id } = await kc.components.create({ ...elliptic, config: { ecdsaEllipticCurveKey: ['P-384'] } })
  assert.deepEqual((await kc.components.findOne({ id })).config.ecdsaEllipticCurveKey, ['P-384'])
  await kc.components.update({ id }, { ...elliptic, id, config: { ecdsaEllipticCurveKey: ['P-521'] } })
  assert.ok((await kc.realms.getKeys({ realm: REALM })).active.ES512)
  assert.ok(names(await kc.components.find({ parent: parentId, type })).includes('elliptic'))
  assert.ok(names(await kc.components.listSubComponents({ id, type }), 'id').includes('rsa'))
  await kc.components.del({ id })
  assert.equal(await kc.components.findOne({ id }), null)

  const profiles = await kc.clientPolicies.listProfiles({ includeGlobalProfiles: true })
  assert.ok(names(profiles.globalProfiles).includes('fapi-1-baseline'))
  await kc.clientPolicies.createProfiles({ profiles: [{ name: 'mine', executors: [] }] })
  assert.deepEqual(names((await kc.clientPolicies.listProfiles({})).profiles), ['mine'])
  await kc.clientPolicies.updatePolicy({ policies: [{ name: 'all', enabled: false, conditions: [], profiles: ['mine'] }] })
  assert.deepEqual(names((await kc.clientPolicies.listPolicies()).policies), ['all'])
}

async function events() {
  const at = { realm: REALM }
  await kc.realms.updateConfigEvents(at, { eventsEnabled: true, adminEventsEnabled: true, adminEventsDetailsEnabled: true })
  assert.equal((await kc.realms.getConfigEvents(at)).eventsEnabled, true)
  await tokens('second')
  const [login] = await kc.realms.findEvents({ ...at, type: 'LOGIN' })
  assert.deepEqual([login.userId, login.clientId], [ids.alice, 'shop'])
  await kc.roles.create({ name: 'witness' })
  const [made] = await kc.realms.findAdminEvents({ ...at, operationTypes: 'CREATE', resourceTypes: 'REALM_ROLE' })
  assert.equal(made.resourcePath, 'roles/witness')
  await kc.realms.clearEvents(at)
  await kc.realms.clearAdminEvents(at)
  assert.deepEqual([await kc.realms.findEvents(at), await kc.realms.findAdminEvents(at)], [[], []])
}

async function imports() {
  const whole = await kc.realms.export({ realm: REALM, exportClients: true, exportGroupsAndRoles: true })
  assert.ok(whole.realm === REALM && names(whole.groups).includes('staff'))
  const rep = { ifResourceExists: 'SKIP', users: [{ username: 'alice' }, { username: 'zoe' }], roles: { realm: [{ name: 'late' }] } }
  const answer = await kc.realms.partialImport({ realm: REALM, rep })
  assert.deepEqual([answer.added, answer.skipped, answer.overwritten], [2, 1, 0])
}

async function server() {
  const info = await kc.serverInfo.find()
  assert.match(info.systemInfo.version, /^26\.7/)
  assert.ok(info.providers['login-protocol'].providers['openid-connect'])
  await kc.cache.clearUserCache({ realm: REALM })
  await kc.cache.clearKeysCache({ realm: REALM })
  await kc.cache.clearCrlCache({ realm: REALM })
}

async function end() {
  await kc.realms.del({ realm: REALM })
  assert.equal(await kc.realms.findOne({ realm: REALM }), null)
}

const groupsOfWork = [
  realms, localization, profile, clients, scopes, roles, groups, users, roleMappings, sessions, flows, components, events, imports,
  server, end,
]
for (const work of groupsOfWork) {
  // Tokens live a minute, and a machine may be slow.
  kc.setConfig({ realmName: 'master' })
  await signIn()
  if (work !== realms) kc.setConfig({ realmName: REALM })
  await work()
  console.log('done:', work.name)
}
