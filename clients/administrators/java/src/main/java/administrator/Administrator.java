package administrator;

import jakarta.ws.rs.ClientErrorException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.keycloak.admin.client.CreatedResponseUtil;
import org.keycloak.admin.client.Keycloak;
import org.keycloak.admin.client.KeycloakBuilder;
import org.keycloak.admin.client.resource.ClientResource;
import org.keycloak.admin.client.resource.RealmResource;
import org.keycloak.common.util.MultivaluedHashMap;
import org.keycloak.representations.idm.AuthenticationFlowRepresentation;
import org.keycloak.representations.idm.AuthenticatorConfigRepresentation;
import org.keycloak.representations.idm.ClientInitialAccessCreatePresentation;
import org.keycloak.representations.idm.ClientRepresentation;
import org.keycloak.representations.idm.ClientScopeRepresentation;
import org.keycloak.representations.idm.ComponentRepresentation;
import org.keycloak.representations.idm.CredentialRepresentation;
import org.keycloak.representations.idm.GroupRepresentation;
import org.keycloak.representations.idm.PartialImportRepresentation;
import org.keycloak.representations.idm.ProtocolMapperRepresentation;
import org.keycloak.representations.idm.RealmEventsConfigRepresentation;
import org.keycloak.representations.idm.RealmRepresentation;
import org.keycloak.representations.idm.RoleRepresentation;
import org.keycloak.representations.idm.UserRepresentation;
import org.keycloak.representations.userprofile.config.UPAttribute;
import org.keycloak.representations.userprofile.config.UPAttributePermissions;
import org.keycloak.representations.userprofile.config.UPConfig;

/** An administrator's work with Keycloak's own client for Java, by its own methods. */
public final class Administrator {
  private static final String BASE = System.getenv("BASE_URL");
  private static final String REALM = System.getenv("REALM");

  private final Keycloak keycloak =
      Keycloak.getInstance(BASE, "master", System.getenv("ADMIN"), System.getenv("ADMIN_PASSWORD"), "admin-cli");
  private final RealmResource realm = keycloak.realm(REALM);
  // What later groups need of earlier ones.
  private String shop;
  private String orders;
  private String staff;
  private String alice;
  private RoleRepresentation clerk;
  private RoleRepresentation vip;

  public static void main(String[] arguments) {
    var it = new Administrator();
    it.group("realms", it::realms);
    it.group("localization", it::localization);
    it.group("profile", it::profile);
    it.group("clients", it::clients);
    it.group("scopes", it::scopes);
    it.group("roles", it::roles);
    it.group("groups", it::groups);
    it.group("users", it::users);
    it.group("sessions", it::sessions);
    it.group("flows", it::flows);
    it.group("components", it::components);
    it.group("events", it::events);
    it.group("imports", it::imports);
    it.group("server", it::server);
    it.group("end", it::end);
    it.keycloak.close();
  }

  private void group(String name, Runnable work) {
    try {
      work.run();
    } catch (WebApplicationException problem) {
      System.err.println(problem.getResponse().readEntity(String.class));
      throw problem;
    }
    System.out.println("done: " + name);
  }

  private static void same(Object found, Object wanted) {
    if (!Objects.equals(found, wanted)) throw new AssertionError(found + " instead of " + wanted);
  }

  private static void check(boolean holds, Object what) {
    if (!holds) throw new AssertionError(what);
  }

  /** What is done is refused. */
  private static void refused(int status, Runnable work) {
    try {
      work.run();
    } catch (ClientErrorException problem) {
      same(problem.getResponse().getStatus(), status);
      return;
    }
    throw new AssertionError("it was not refused with " + status);
  }

  private static void answers(int status, Response response) {
    try (response) {
      same(response.getStatus(), status);
    }
  }

  private static <T> List<String> names(Collection<T> things, Function<T, String> name) {
    return things.stream().map(name).sorted().toList();
  }

  private static List<String> roleNames(Collection<RoleRepresentation> roles) {
    return names(roles, RoleRepresentation::getName);
  }

  private static List<String> userNames(Collection<UserRepresentation> users) {
    return names(users, UserRepresentation::getUsername);
  }

  private void realms() {
    var made = new RealmRepresentation();
    made.setRealm(REALM);
    made.setEnabled(true);
    made.setSslRequired("none");
    keycloak.realms().create(made);
    refused(409, () -> keycloak.realms().create(made));
    check(names(keycloak.realms().findAll(), RealmRepresentation::getRealm).contains(REALM), "realms");
    var change = realm.toRepresentation();
    change.setDisplayName("A shop");
    change.setBruteForceProtected(true);
    change.setFailureFactor(2);
    realm.update(change);
    same(realm.toRepresentation().getDisplayName(), "A shop");
    same(realm.toRepresentation().getFailureFactor(), 2);
    refused(404, () -> keycloak.realm(REALM + "-of-nobody").toRepresentation());
    check(realm.keys().getKeyMetadata().getActive().containsKey("RS256"), "keys");
    var first = realm.clientInitialAccess().create(new ClientInitialAccessCreatePresentation(60, 2));
    check(first.getToken() != null, "initial access token");
    same(realm.clientInitialAccess().list().get(0).getRemainingCount(), 2);
    realm.clientInitialAccess().delete(first.getId());
    same(realm.clientInitialAccess().list().size(), 0);
    check(realm.clientRegistrationPolicy().getProviders().size() > 3, "policies");
    check(realm.clientPoliciesProfilesResource().getProfiles(true).getGlobalProfiles().size() > 3, "profiles");
    same(realm.clientPoliciesPoliciesResource().getPolicies().getPolicies().size(), 0);
  }

  private void localization() {
    realm.localization().saveRealmLocalizationText("de", "doLogIn", "Hinein");
    same(realm.localization().getRealmSpecificLocales(), List.of("de"));
    same(realm.localization().getRealmLocalizationText("de", "doLogIn"), "Hinein");
    realm.localization().createOrUpdateRealmLocalizationTexts("de", Map.of("doLogOut", "Hinaus"));
    same(realm.localization().getRealmLocalizationTexts("de"), Map.of("doLogIn", "Hinein", "doLogOut", "Hinaus"));
    realm.localization().deleteRealmLocalizationText("de", "doLogIn");
    realm.localization().deleteRealmLocalizationTexts("de");
    same(realm.localization().getRealmSpecificLocales(), List.of());
  }

  private void profile() {
    var settings = realm.users().userProfile().getConfiguration();
    same(names(settings.getAttributes(), UPAttribute::getName), List.of("email", "firstName", "lastName", "username"));
    var admin = Set.of("admin");
    settings.addOrReplaceAttribute(new UPAttribute("size", new UPAttributePermissions(admin, admin)));
    settings.setUnmanagedAttributePolicy(UPConfig.UnmanagedAttributePolicy.ENABLED);
    realm.users().userProfile().update(settings);
    check(names(realm.users().userProfile().getMetadata().getAttributes(), one -> one.getName()).contains("size"), "metadata");
  }

  private static ProtocolMapperRepresentation mapper(String name, String kind, Map<String, String> config) {
    var mapper = new ProtocolMapperRepresentation();
    mapper.setName(name);
    mapper.setProtocol("openid-connect");
    mapper.setProtocolMapper(kind);
    mapper.setConfig(config);
    return mapper;
  }

  private ClientResource shop() {
    return realm.clients().get(shop);
  }

  private void clients() {
    var made = new ClientRepresentation();
    made.setClientId("shop");
    made.setSecret("of-no-worth");
    made.setPublicClient(false);
    made.setDirectAccessGrantsEnabled(true);
    made.setServiceAccountsEnabled(true);
    made.setRedirectUris(List.of("https://shop.example/*"));
    shop = CreatedResponseUtil.getCreatedId(realm.clients().create(made));
    answers(409, realm.clients().create(made));
    var change = shop().toRepresentation();
    change.setDescription("Shoes");
    shop().update(change);
    same(shop().toRepresentation().getDescription(), "Shoes");
    same(realm.clients().findByClientId("shop").get(0).getId(), shop);
    same(names(realm.clients().findAll("sho", true, true, 0, 5), ClientRepresentation::getClientId), List.of("shop"));
    same(shop().getSecret().getValue(), "of-no-worth");
    check(!shop().generateNewSecret().getValue().equals("of-no-worth"), "a new secret");
    change.setSecret("of-no-worth");
    shop().update(change);
    check(shop().regenerateRegistrationAccessToken().getRegistrationAccessToken() != null, "registration access token");
    same(shop().getServiceAccountUser().getUsername(), "service-account-shop");
    check(shop().getInstallationProvider("keycloak-oidc-keycloak-json").contains("\"shop\""), "adapter");
    var audience = mapper("audience", "oidc-audience-mapper", Map.of("included.custom.audience", "stock"));
    var id = CreatedResponseUtil.getCreatedId(shop().getProtocolMappers().createMapper(audience));
    var kept = shop().getProtocolMappers().getMapperById(id);
    kept.getConfig().put("included.custom.audience", "cellar");
    shop().getProtocolMappers().update(id, kept);
    same(shop().getProtocolMappers().getMapperById(id).getConfig().get("included.custom.audience"), "cellar");
    shop().getProtocolMappers().delete(id);
    shop().getProtocolMappers().createMapper(List.of(audience));
    check(shop().getProtocolMappers().getMappersPerProtocol("openid-connect").size() > 0, "mappers");
    var key = shop().getCertficateResource("jwt.credential").generate();
    same(shop().getCertficateResource("jwt.credential").getKeyInfo().getCertificate(), key.getCertificate());
    var other = new ClientRepresentation();
    other.setClientId("other");
    var otherId = CreatedResponseUtil.getCreatedId(realm.clients().create(other));
    realm.clients().get(otherId).remove();
    refused(404, () -> realm.clients().get(otherId).toRepresentation());
  }

  private void scopes() {
    var scope = new ClientScopeRepresentation();
    scope.setName("orders");
    scope.setProtocol("openid-connect");
    orders = CreatedResponseUtil.getCreatedId(realm.clientScopes().create(scope));
    answers(409, realm.clientScopes().create(scope));
    scope.setDescription("What was bought");
    realm.clientScopes().get(orders).update(scope);
    same(realm.clientScopes().get(orders).toRepresentation().getDescription(), "What was bought");
    var size = mapper("size", "oidc-usermodel-attribute-mapper", Map.of("claim.name", "size", "user.attribute", "size"));
    answers(201, realm.clientScopes().get(orders).getProtocolMappers().createMapper(size));
    same(realm.clientScopes().get(orders).getProtocolMappers().getMappers().size(), 1);
    shop().addDefaultClientScope(orders);
    check(names(shop().getDefaultClientScopes(), ClientScopeRepresentation::getName).contains("orders"), "default scopes");
    shop().removeDefaultClientScope(orders);
    shop().addOptionalClientScope(orders);
    check(names(shop().getOptionalClientScopes(), ClientScopeRepresentation::getName).contains("orders"), "optional scopes");
    shop().removeOptionalClientScope(orders);
    realm.addDefaultDefaultClientScope(orders);
    check(names(realm.getDefaultDefaultClientScopes(), ClientScopeRepresentation::getName).contains("orders"), "the realm's");
    realm.removeDefaultDefaultClientScope(orders);
    realm.addDefaultOptionalClientScope(orders);
    check(names(realm.getDefaultOptionalClientScopes(), ClientScopeRepresentation::getName).contains("orders"), "the realm's");
    realm.removeDefaultOptionalClientScope(orders);
  }

  private void roles() {
    for (var name : List.of("customer", "clerk", "manager")) realm.roles().create(new RoleRepresentation(name, null, false));
    refused(409, () -> realm.roles().create(new RoleRepresentation("clerk", null, false)));
    realm.roles().get("clerk").update(new RoleRepresentation("clerk", "Who sells", false));
    clerk = realm.roles().get("clerk").toRepresentation();
    same(clerk.getDescription(), "Who sells");
    same(roleNames(realm.roles().list("cler", true)), List.of("clerk"));
    for (var name : List.of("vip", "discount")) shop().roles().create(new RoleRepresentation(name, null, false));
    vip = shop().roles().get("vip").toRepresentation();
    same(roleNames(shop().roles().list()), List.of("discount", "vip"));
    var manager = realm.roles().get("manager");
    manager.addComposites(List.of(clerk, vip));
    same(roleNames(manager.getRoleComposites()), List.of("clerk", "vip"));
    same(roleNames(manager.getRealmRoleComposites()), List.of("clerk"));
    same(roleNames(manager.getClientRoleComposites(shop)), List.of("vip"));
    var id = manager.toRepresentation().getId();
    same(roleNames(realm.rolesById().getRoleComposites(id)), List.of("clerk", "vip"));
    realm.rolesById().deleteComposites(id, List.of(vip));
    manager.deleteComposites(List.of(clerk));
    realm.rolesById().updateRole(id, new RoleRepresentation("boss", "Who decides", false));
    same(realm.rolesById().getRole(id).getName(), "boss");
    realm.roles().deleteRole("boss");
    refused(404, () -> realm.roles().get("boss").toRepresentation());
    var change = shop().toRepresentation();
    change.setFullScopeAllowed(false);
    shop().update(change);
    shop().getScopeMappings().realmLevel().add(List.of(clerk));
    same(roleNames(shop().getScopeMappings().realmLevel().listAll()), List.of("clerk"));
    check(roleNames(shop().getScopeMappings().realmLevel().listAvailable()).contains("customer"), "available");
    check(roleNames(shop().getScopeMappings().realmLevel().listEffective()).contains("clerk"), "effective");
    shop().getScopeMappings().realmLevel().remove(List.of(clerk));
    var account = realm.clients().findByClientId("account").get(0).getId();
    var view = realm.clients().get(account).roles().get("view-profile").toRepresentation();
    realm.clientScopes().get(orders).getScopeMappings().clientLevel(account).add(List.of(view));
    same(roleNames(realm.clientScopes().get(orders).getScopeMappings().clientLevel(account).listAll()), List.of("view-profile"));
    realm.clientScopes().get(orders).getScopeMappings().clientLevel(account).remove(List.of(view));
    change.setFullScopeAllowed(true);
    shop().update(change);
  }

  private void groups() {
    var group = new GroupRepresentation();
    group.setName("staff");
    group.setAttributes(Map.of("floor", List.of("1")));
    staff = CreatedResponseUtil.getCreatedId(realm.groups().add(group));
    answers(409, realm.groups().add(group));
    var child = new GroupRepresentation();
    child.setName("cellar");
    var cellar = CreatedResponseUtil.getCreatedId(realm.groups().group(staff).subGroup(child));
    child.setName("vault");
    realm.groups().group(cellar).update(child);
    same(realm.groups().group(staff).toRepresentation().getAttributes(), Map.of("floor", List.of("1")));
    same(realm.getGroupByPath("staff/vault").getId(), cellar);
    same(names(realm.groups().groups("vau", 0, 5), GroupRepresentation::getName), List.of("staff"));
    same(names(realm.groups().group(staff).getSubGroups(0, 5, true), GroupRepresentation::getName), List.of("vault"));
    same(realm.groups().count().get("count"), 2L);
    realm.addDefaultGroup(cellar);
    same(names(realm.getDefaultGroups(), GroupRepresentation::getName), List.of("vault"));
    realm.removeDefaultGroup(cellar);
    var mappings = realm.groups().group(staff).roles();
    mappings.realmLevel().add(List.of(clerk));
    mappings.clientLevel(shop).add(List.of(vip));
    same(roleNames(mappings.realmLevel().listAll()), List.of("clerk"));
    same(roleNames(mappings.clientLevel(shop).listEffective()), List.of("vip"));
    same(roleNames(mappings.clientLevel(shop).listAvailable()), List.of("discount"));
    check(mappings.getAll().getClientMappings().containsKey("shop"), "mappings");
    same(names(realm.roles().get("clerk").getRoleGroupMembers(), GroupRepresentation::getName), List.of("staff"));
    mappings.realmLevel().remove(List.of(clerk));
    mappings.clientLevel(shop).remove(List.of(vip));
    realm.groups().group(cellar).remove();
    refused(404, () -> realm.groups().group(cellar).toRepresentation());
  }

  private static CredentialRepresentation password(String value, boolean temporary) {
    var password = new CredentialRepresentation();
    password.setType(CredentialRepresentation.PASSWORD);
    password.setValue(value);
    password.setTemporary(temporary);
    return password;
  }

  private static UserRepresentation person(String name) {
    var person = new UserRepresentation();
    person.setUsername(name);
    person.setEmail(name + "@shop.example");
    person.setEnabled(true);
    person.setEmailVerified(true);
    person.setFirstName("Alice");
    person.setLastName("Liddell");
    return person;
  }

  private void users() {
    var made = person("alice");
    made.singleAttribute("size", "38").singleAttribute("other", "x");
    alice = CreatedResponseUtil.getCreatedId(realm.users().create(made));
    answers(409, realm.users().create(made));
    for (var name : List.of("guest1", "guest2", "guest3")) answers(201, realm.users().create(person(name)));
    same(realm.users().count(), 4);
    same(realm.users().count("guest"), 3);
    same(userNames(realm.users().search("guest", 1, 1)), List.of("guest2"));
    same(userNames(realm.users().searchByAttributes("size:38")), List.of("alice"));
    same(userNames(realm.users().searchByEmail("alice@shop.example", true)), List.of("alice"));
    same(userNames(realm.users().searchByUsername("alic", true)), List.of());
    var user = realm.users().get(alice);
    var change = user.toRepresentation(true);
    check(change.getUserProfileMetadata() != null, "metadata");
    change.setFirstName("Alicia");
    user.update(change);
    same(user.toRepresentation().getFirstName(), "Alicia");
    check(user.getUnmanagedAttributes().containsKey("other"), "unmanaged attributes");
    user.resetPassword(password("first", true));
    same(user.toRepresentation().getRequiredActions(), List.of("UPDATE_PASSWORD"));
    user.resetPassword(password("second", false));
    var kept = user.credentials().get(0);
    user.setCredentialUserLabel(kept.getId(), "by heart");
    same(user.credentials().get(0).getUserLabel(), "by heart");
    user.joinGroup(staff);
    same(names(user.groups(), GroupRepresentation::getName), List.of("staff"));
    same(userNames(realm.groups().group(staff).members()), List.of("alice"));
    user.leaveGroup(staff);
    user.roles().realmLevel().add(List.of(clerk));
    user.roles().clientLevel(shop).add(List.of(vip));
    same(roleNames(user.roles().realmLevel().listAll()), List.of("clerk", "default-roles-" + REALM));
    check(roleNames(user.roles().realmLevel().listEffective()).contains("offline_access"), "effective");
    check(roleNames(user.roles().realmLevel().listAvailable()).contains("customer"), "available");
    same(roleNames(user.roles().clientLevel(shop).listAll()), List.of("vip"));
    same(userNames(realm.roles().get("clerk").getUserMembers()), List.of("alice"));
    var example = shop().clientScopesEvaluate().generateAccessToken("openid", alice, null);
    check(example.getRealmAccess().isUserInRole("clerk"), "example");
    user.roles().realmLevel().remove(List.of(clerk));
    user.roles().clientLevel(shop).remove(List.of(vip));
    var guest = realm.users().searchByUsername("guest3", true).get(0).getId();
    answers(204, realm.users().delete(guest));
  }

  private Keycloak signIn(String password) {
    return KeycloakBuilder.builder()
        .serverUrl(BASE).realm(REALM).clientId("shop").clientSecret("of-no-worth").username("alice").password(password)
        .build();
  }

  private void sessions() {
    var user = realm.users().get(alice);
    try (var signedIn = signIn("second")) {
      check(signedIn.tokenManager().getAccessTokenString() != null, "token");
      var session = user.getUserSessions().get(0);
      same(session.getUsername(), "alice");
      same(shop().getApplicationSessionCount().get("count"), 1);
      same(shop().getUserSessions(0, 5).size(), 1);
      same(shop().getOfflineUserSessions(0, 5).size(), 0);
      same(user.getOfflineSessions(shop).size(), 0);
      same(realm.getClientSessionStats().get(0).get("active"), "1");
      realm.deleteSession(session.getId(), false);
      same(user.getUserSessions().size(), 0);
      signedIn.tokenManager().grantToken();
      user.logout();
      same(user.getUserSessions().size(), 0);
      signedIn.tokenManager().grantToken();
      realm.logoutAll();
      same(user.getUserSessions().size(), 0);
    }
    same(user.getConsents().size(), 0);
    refused(404, () -> user.revokeConsent("shop"));
    for (var attempt = 0; attempt < 3; attempt++) {
      try (var stranger = signIn("wrong")) {
        stranger.tokenManager().getAccessTokenString();
        throw new AssertionError("a wrong password");
      } catch (ClientErrorException expected) {
        check(expected.getResponse().getStatus() < 402, expected);
      }
    }
    same(realm.attackDetection().bruteForceUserStatus(alice).get("disabled"), true);
    realm.attackDetection().clearBruteForceForUser(alice);
    same(realm.attackDetection().bruteForceUserStatus(alice).get("disabled"), false);
    realm.attackDetection().clearAllBruteForce();
    realm.pushRevocation();
  }

  private void flows() {
    var flows = realm.flows();
    answers(201, flows.copy("browser", Map.of("newName", "copy")));
    var flow = new AuthenticationFlowRepresentation();
    flow.setAlias("mine");
    flow.setProviderId("basic-flow");
    flow.setTopLevel(true);
    var id = CreatedResponseUtil.getCreatedId(flows.createFlow(flow));
    answers(409, flows.createFlow(flow));
    flows.addExecution("mine", Map.of("provider", "auth-cookie"));
    flows.addExecution("mine", Map.of("provider", "identity-provider-redirector"));
    flows.addExecutionFlow("mine", Map.of("alias", "my forms", "type", "basic-flow", "provider", "registration-page-form"));
    var cookie = flows.getExecutions("mine").get(0);
    cookie.setRequirement("ALTERNATIVE");
    flows.updateExecutions("mine", cookie);
    var redirector = flows.getExecutions("mine").get(1);
    flows.raisePriority(redirector.getId());
    same(flows.getExecutions("mine").get(0).getProviderId(), "identity-provider-redirector");
    same(flows.getExecutions("mine").get(1).getRequirement(), "ALTERNATIVE");
    flows.lowerPriority(redirector.getId());
    var config = new AuthenticatorConfigRepresentation();
    config.setAlias("to them");
    config.setConfig(Map.of("defaultProvider", "other"));
    var configId = CreatedResponseUtil.getCreatedId(flows.newExecutionConfig(redirector.getId(), config));
    same(flows.getAuthenticatorConfig(configId).getConfig(), Map.of("defaultProvider", "other"));
    flows.removeAuthenticatorConfig(configId);
    flows.removeExecution(cookie.getId());
    same(flows.getExecutions("mine").size(), 2);
    flows.deleteFlow(id);
    check(flows.getFlows().stream().noneMatch(one -> one.getAlias().equals("mine")), "it is gone");
    var alias = "TERMS_AND_CONDITIONS";
    var terms = flows.getRequiredAction(alias);
    terms.setEnabled(true);
    flows.updateRequiredAction(alias, terms);
    check(flows.getRequiredAction(alias).isEnabled(), "enabled");
    flows.removeRequiredAction(alias);
    var free = flows.getUnregisteredRequiredActions().stream().filter(one -> alias.equals(one.getProviderId())).findFirst();
    flows.registerRequiredAction(free.orElseThrow());
    check(names(flows.getRequiredActions(), one -> one.getAlias()).contains(alias), "registered");
    check(flows.getAuthenticatorProviders().size() > 5 && flows.getFormActionProviders().size() > 2, "providers");
  }

  private void components() {
    var component = new ComponentRepresentation();
    component.setName("elliptic");
    component.setProviderId("ecdsa-generated");
    component.setProviderType("org.keycloak.keys.KeyProvider");
    component.setParentId(realm.toRepresentation().getId());
    component.setConfig(new MultivaluedHashMap<>());
    component.getConfig().putSingle("ecdsaEllipticCurveKey", "P-384");
    var id = CreatedResponseUtil.getCreatedId(realm.components().add(component));
    same(realm.components().component(id).toRepresentation().getConfig().getFirst("ecdsaEllipticCurveKey"), "P-384");
    component.getConfig().putSingle("ecdsaEllipticCurveKey", "P-521");
    realm.components().component(id).update(component);
    check(realm.keys().getKeyMetadata().getActive().containsKey("ES512"), "keys");
    same(realm.components().query(component.getParentId(), component.getProviderType(), "elliptic").size(), 1);
    realm.components().component(id).remove();
    refused(404, () -> realm.components().component(id).toRepresentation());
  }

  private void events() {
    RealmEventsConfigRepresentation config = realm.getRealmEventsConfig();
    config.setEventsEnabled(true);
    config.setAdminEventsEnabled(true);
    config.setAdminEventsDetailsEnabled(true);
    realm.updateRealmEventsConfig(config);
    try (var signedIn = signIn("second")) {
      signedIn.tokenManager().getAccessTokenString();
    }
    var login = realm.getEvents(List.of("LOGIN"), null, null, null, null, null, 0, 5).get(0);
    same(login.getUserId(), alice);
    realm.roles().create(new RoleRepresentation("witness", null, false));
    var told = realm.getAdminEvents().get(0);
    same(told.getResourcePath(), "roles/witness");
    check(told.getRepresentation().contains("witness"), told);
    realm.clearEvents();
    realm.clearAdminEvents();
    same(realm.getEvents().size() + realm.getAdminEvents().size(), 0);
  }

  private void imports() {
    var whole = realm.partialExport(true, true);
    same(whole.getRealm(), REALM);
    check(names(whole.getClients(), ClientRepresentation::getClientId).contains("shop"), "clients");
    var part = new PartialImportRepresentation();
    part.setIfResourceExists("SKIP");
    part.setUsers(List.of(person("alice"), person("zoe")));
    try (var answer = realm.partialImport(part)) {
      same(answer.getStatus(), 200);
      check(answer.readEntity(String.class).contains("\"skipped\":1"), "one was there");
    }
  }

  private void server() {
    check(keycloak.serverInfo().getInfo().getSystemInfo().getVersion().startsWith("26.7"), "version");
    realm.clearRealmCache();
    realm.clearUserCache();
    realm.clearKeysCache();
  }

  private void end() {
    realm.remove();
    refused(404, realm::toRepresentation);
  }
}
