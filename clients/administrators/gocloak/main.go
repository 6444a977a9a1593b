// An administrator's work with gocloak, by the library's own methods.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/Nerzal/gocloak/v13"
)

var (
	base, realm = os.Getenv("BASE_URL"), os.Getenv("REALM")
	kc          = gocloak.NewClient(base)
	ctx         = context.Background()
	token       string
	// What later groups need of earlier ones.
	shop, alice, staff string
	clerk, vip         gocloak.Role
)

// p makes a pointer, of which the library's types are full.
func p[T any](value T) *T { return &value }

// got gives what was asked for, or ends the program.
func got[T any](value T, err error) T {
	done(err)
	return value
}

func done(err error) {
	if err != nil {
		panic(err)
	}
}

func check(holds bool, what string, more ...any) {
	if !holds {
		panic(fmt.Sprint(what, ": ", fmt.Sprint(more...)))
	}
}

// refused demands that something was refused.
func refused(err error, status int) {
	var problem *gocloak.APIError
	check(errors.As(err, &problem) && problem.Code == status, "refused", status, err)
}

// names gives what things are called, in order and between commas.
func names[T any](things []T, name func(T) *string) string {
	var all []string
	for _, thing := range things {
		all = append(all, *name(thing))
	}
	sort.Strings(all)
	return strings.Join(all, ",")
}

func roleNames(roles []*gocloak.Role) string {
	return names(roles, func(role *gocloak.Role) *string { return role.Name })
}

func groupNames(groups []*gocloak.Group) string {
	return names(groups, func(group *gocloak.Group) *string { return group.Name })
}

func userNames(users []*gocloak.User) string {
	return names(users, func(user *gocloak.User) *string { return user.Username })
}

func scopeNames(scopes []*gocloak.ClientScope) string {
	return names(scopes, func(scope *gocloak.ClientScope) *string { return scope.Name })
}

func realms() {
	made := gocloak.RealmRepresentation{Realm: &realm, Enabled: p(true), SslRequired: p("none")}
	got(kc.CreateRealm(ctx, token, made))
	_, err := kc.CreateRealm(ctx, token, made)
	refused(err, 409)
	change := gocloak.RealmRepresentation{Realm: &realm, DisplayName: p("A shop"), BruteForceProtected: p(true), FailureFactor: p(2)}
	done(kc.UpdateRealm(ctx, token, change))
	kept := got(kc.GetRealm(ctx, token, realm))
	check(*kept.DisplayName == "A shop" && *kept.FailureFactor == 2, "the realm", kept)
	all := names(got(kc.GetRealms(ctx, token)), func(one *gocloak.RealmRepresentation) *string { return one.Realm })
	check(strings.Contains(all, realm), "realms", all)
	keys := got(kc.GetKeyStoreConfig(ctx, token, realm))
	check(len(*keys.Key) >= 4, "keys", keys)
	check(len(*got(kc.GetCerts(ctx, realm)).Keys) > 0, "published keys")
	check(*got(kc.GetIssuer(ctx, realm)).Realm == realm, "issuer")
}

func clients() {
	representation := gocloak.Client{
		ClientID: p("shop"), Secret: p("of-no-worth"), PublicClient: p(false), DirectAccessGrantsEnabled: p(true),
		ServiceAccountsEnabled: p(true), RedirectURIs: p([]string{"https://shop.example/*"}),
	}
	shop = got(kc.CreateClient(ctx, token, realm, representation))
	_, err := kc.CreateClient(ctx, token, realm, representation)
	refused(err, 409)
	done(kc.UpdateClient(ctx, token, realm, gocloak.Client{ID: &shop, ClientID: p("shop"), Description: p("Shoes")}))
	kept := got(kc.GetClient(ctx, token, realm, shop))
	check(*kept.Description == "Shoes" && (*kept.RedirectURIs)[0] == "https://shop.example/*", "the client", kept)
	check(len(got(kc.GetClients(ctx, token, realm, gocloak.GetClientsParams{ClientID: p("shop")}))) == 1, "clients")
	check(*got(kc.GetClientSecret(ctx, token, realm, shop)).Value == "of-no-worth", "secret")
	check(*got(kc.RegenerateClientSecret(ctx, token, realm, shop)).Value != "of-no-worth", "new secret")
	done(kc.UpdateClient(ctx, token, realm, gocloak.Client{ID: &shop, ClientID: p("shop"), Secret: p("of-no-worth")}))
	account := got(kc.GetClientServiceAccount(ctx, token, realm, shop))
	check(*account.Username == "service-account-shop", "service account", account)
	mapper := gocloak.ProtocolMapperRepresentation{
		Name: p("audience"), Protocol: p("openid-connect"), ProtocolMapper: p("oidc-audience-mapper"),
		Config: &map[string]string{"included.custom.audience": "shop", "access.token.claim": "true"},
	}
	id := got(kc.CreateClientProtocolMapper(ctx, token, realm, shop, mapper))
	mapper.ID, mapper.Config = &id, &map[string]string{"included.client.audience": "shop", "access.token.claim": "true"}
	done(kc.UpdateClientProtocolMapper(ctx, token, realm, shop, id, mapper))
	other := got(kc.CreateClient(ctx, token, realm, gocloak.Client{ClientID: p("other")}))
	done(kc.DeleteClient(ctx, token, realm, other))
	_, err = kc.GetClient(ctx, token, realm, other)
	refused(err, 404)
}

func scopes() {
	scope := gocloak.ClientScope{Name: p("orders"), Protocol: p("openid-connect")}
	id := got(kc.CreateClientScope(ctx, token, realm, scope))
	_, err := kc.CreateClientScope(ctx, token, realm, scope)
	refused(err, 409)
	scope.ID, scope.Description = &id, p("What was bought")
	done(kc.UpdateClientScope(ctx, token, realm, scope))
	check(*got(kc.GetClientScope(ctx, token, realm, id)).Description == "What was bought", "scope")
	check(strings.Contains(scopeNames(got(kc.GetClientScopes(ctx, token, realm))), "orders"), "scopes")
	mapper := gocloak.ProtocolMappers{
		Name: p("size"), Protocol: p("openid-connect"), ProtocolMapper: p("oidc-usermodel-attribute-mapper"),
		ProtocolMappersConfig: &gocloak.ProtocolMappersConfig{ClaimName: p("size"), UserAttribute: p("size")},
	}
	mapperID := got(kc.CreateClientScopeProtocolMapper(ctx, token, realm, id, mapper))
	mapper.ID, mapper.ProtocolMappersConfig.ClaimName = &mapperID, p("shoes")
	done(kc.UpdateClientScopeProtocolMapper(ctx, token, realm, id, mapper))
	kept := got(kc.GetClientScopeProtocolMapper(ctx, token, realm, id, mapperID))
	check(*kept.ProtocolMappersConfig.ClaimName == "shoes", "mapper", kept)
	done(kc.DeleteClientScopeProtocolMapper(ctx, token, realm, id, mapperID))
	check(len(got(kc.GetClientScopeProtocolMappers(ctx, token, realm, id))) == 0, "mappers")
	done(kc.AddDefaultScopeToClient(ctx, token, realm, shop, id))
	check(strings.Contains(scopeNames(got(kc.GetClientsDefaultScopes(ctx, token, realm, shop))), "orders"), "default scopes")
	done(kc.RemoveDefaultScopeFromClient(ctx, token, realm, shop, id))
	done(kc.AddOptionalScopeToClient(ctx, token, realm, shop, id))
	check(strings.Contains(scopeNames(got(kc.GetClientsOptionalScopes(ctx, token, realm, shop))), "orders"), "optional scopes")
	done(kc.RemoveOptionalScopeFromClient(ctx, token, realm, shop, id))
	check(strings.Contains(scopeNames(got(kc.GetDefaultDefaultClientScopes(ctx, token, realm))), "profile"), "default scopes of all")
	check(strings.Contains(scopeNames(got(kc.GetDefaultOptionalClientScopes(ctx, token, realm))), "phone"), "optional scopes of all")
	done(kc.DeleteClientScope(ctx, token, realm, id))
}

func roles() {
	for _, name := range []string{"customer", "clerk", "manager"} {
		check(got(kc.CreateRealmRole(ctx, token, realm, gocloak.Role{Name: &name})) == name, "role")
	}
	_, err := kc.CreateRealmRole(ctx, token, realm, gocloak.Role{Name: p("clerk")})
	refused(err, 409)
	done(kc.UpdateRealmRole(ctx, token, realm, "clerk", gocloak.Role{Name: p("clerk"), Description: p("Who sells")}))
	clerk = *got(kc.GetRealmRole(ctx, token, realm, "clerk"))
	check(*clerk.Description == "Who sells", "role", clerk)
	manager := *got(kc.GetRealmRole(ctx, token, realm, "manager"))
	check(roleNames(got(kc.GetRealmRoles(ctx, token, realm, gocloak.GetRoleParams{Search: p("cler")}))) == "clerk", "roles")
	got(kc.CreateClientRole(ctx, token, realm, shop, gocloak.Role{Name: p("vip")}))
	got(kc.CreateClientRole(ctx, token, realm, shop, gocloak.Role{Name: p("discount")}))
	vip = *got(kc.GetClientRole(ctx, token, realm, shop, "vip"))
	check(roleNames(got(kc.GetClientRoles(ctx, token, realm, shop, gocloak.GetRoleParams{}))) == "discount,vip", "roles of a client")
	done(kc.AddRealmRoleComposite(ctx, token, realm, "manager", []gocloak.Role{clerk}))
	done(kc.AddClientRoleComposite(ctx, token, realm, *manager.ID, []gocloak.Role{vip}))
	check(roleNames(got(kc.GetCompositeRolesByRoleID(ctx, token, realm, *manager.ID))) == "clerk,vip", "composite")
	check(roleNames(got(kc.GetCompositeRealmRoles(ctx, token, realm, "manager"))) == "clerk,vip", "composite by name")
	check(roleNames(got(kc.GetCompositeRealmRolesByRoleID(ctx, token, realm, *manager.ID))) == "clerk", "of the realm")
	check(roleNames(got(kc.GetCompositeClientRolesByRoleID(ctx, token, realm, shop, *manager.ID))) == "vip", "of the client")
	done(kc.DeleteClientRoleComposite(ctx, token, realm, *manager.ID, []gocloak.Role{vip}))
	done(kc.DeleteRealmRoleComposite(ctx, token, realm, "manager", []gocloak.Role{clerk}))
	done(kc.UpdateRealmRoleByID(ctx, token, realm, *manager.ID, gocloak.Role{Name: p("boss")}))
	check(*got(kc.GetRealmRoleByID(ctx, token, realm, *manager.ID)).Name == "boss", "renamed")
	done(kc.DeleteRealmRole(ctx, token, realm, "boss"))
	_, err = kc.GetRealmRole(ctx, token, realm, "boss")
	refused(err, 404)

	done(kc.UpdateClient(ctx, token, realm, gocloak.Client{ID: &shop, ClientID: p("shop"), FullScopeAllowed: p(false)}))
	done(kc.CreateClientScopeMappingsRealmRoles(ctx, token, realm, shop, []gocloak.Role{clerk}))
	check(roleNames(got(kc.GetClientScopeMappingsRealmRoles(ctx, token, realm, shop))) == "clerk", "scope mappings")
	check(!strings.Contains(roleNames(got(kc.GetClientScopeMappingsRealmRolesAvailable(ctx, token, realm, shop))), "clerk"), "available")
	check(len(*got(kc.GetClientScopeMappings(ctx, token, realm, shop)).RealmMappings) == 1, "all scope mappings")
	done(kc.DeleteClientScopeMappingsRealmRoles(ctx, token, realm, shop, []gocloak.Role{clerk}))
	done(kc.UpdateClient(ctx, token, realm, gocloak.Client{ID: &shop, ClientID: p("shop"), FullScopeAllowed: p(true)}))
}

func groups() {
	staff = got(kc.CreateGroup(ctx, token, realm, gocloak.Group{Name: p("staff"), Attributes: &map[string][]string{"floor": {"1"}}}))
	_, err := kc.CreateGroup(ctx, token, realm, gocloak.Group{Name: p("staff")})
	refused(err, 409)
	cellar := got(kc.CreateChildGroup(ctx, token, realm, staff, gocloak.Group{Name: p("cellar")}))
	done(kc.UpdateGroup(ctx, token, realm, gocloak.Group{ID: &cellar, Name: p("vault")}))
	check((*got(kc.GetGroup(ctx, token, realm, staff)).Attributes)["floor"][0] == "1", "attributes")
	check(*got(kc.GetGroupByPath(ctx, token, realm, "staff/vault")).ID == cellar, "by path")
	check(groupNames(got(kc.GetGroups(ctx, token, realm, gocloak.GetGroupsParams{Search: p("vau")}))) == "staff", "with the way to it")
	check(got(kc.GetGroupsCount(ctx, token, realm, gocloak.GetGroupsParams{})) == 2, "count")
	done(kc.AddDefaultGroup(ctx, token, realm, cellar))
	check(groupNames(got(kc.GetDefaultGroups(ctx, token, realm))) == "vault", "default groups")
	done(kc.RemoveDefaultGroup(ctx, token, realm, cellar))
	done(kc.AddRealmRoleToGroup(ctx, token, realm, staff, []gocloak.Role{clerk}))
	done(kc.AddClientRolesToGroup(ctx, token, realm, shop, staff, []gocloak.Role{vip}))
	check(roleNames(got(kc.GetRealmRolesByGroupID(ctx, token, realm, staff))) == "clerk", "roles")
	check(roleNames(got(kc.GetCompositeRealmRolesByGroupID(ctx, token, realm, staff))) == "clerk", "all roles")
	check(roleNames(got(kc.GetClientRolesByGroupID(ctx, token, realm, shop, staff))) == "vip", "roles of the client")
	check(roleNames(got(kc.GetCompositeClientRolesByGroupID(ctx, token, realm, shop, staff))) == "vip", "all roles of the client")
	check(roleNames(got(kc.GetAvailableClientRolesByGroupID(ctx, token, realm, shop, staff))) == "discount", "available")
	check(len(got(kc.GetRoleMappingByGroupID(ctx, token, realm, staff)).ClientMappings) == 1, "mappings")
	check(groupNames(got(kc.GetGroupsByRole(ctx, token, realm, "clerk"))) == "staff", "groups of a role")
	check(groupNames(got(kc.GetGroupsByClientRole(ctx, token, realm, "vip", shop))) == "staff", "groups of a client's role")
	done(kc.DeleteRealmRoleFromGroup(ctx, token, realm, staff, []gocloak.Role{clerk}))
	done(kc.DeleteClientRoleFromGroup(ctx, token, realm, shop, staff, []gocloak.Role{vip}))
	done(kc.DeleteGroup(ctx, token, realm, cellar))
	_, err = kc.GetGroup(ctx, token, realm, cellar)
	refused(err, 404)
}

func person(name string) gocloak.User {
	return gocloak.User{
		Username: &name, Email: p(name + "@shop.example"), Enabled: p(true), EmailVerified: p(true),
		FirstName: p("Alice"), LastName: p("Liddell"),
	}
}

func users() {
	alice = got(kc.CreateUser(ctx, token, realm, person("alice")))
	_, err := kc.CreateUser(ctx, token, realm, person("alice"))
	refused(err, 409)
	for _, name := range []string{"guest1", "guest2", "guest3"} {
		got(kc.CreateUser(ctx, token, realm, person(name)))
	}
	check(got(kc.GetUserCount(ctx, token, realm, gocloak.GetUsersParams{Search: p("guest")})) == 3, "count")
	page := gocloak.GetUsersParams{Search: p("guest"), First: p(1), Max: p(1)}
	check(userNames(got(kc.GetUsers(ctx, token, realm, page))) == "guest2", "page")
	exact := gocloak.GetUsersParams{Email: p("alice@shop.example"), Exact: p(true)}
	check(userNames(got(kc.GetUsers(ctx, token, realm, exact))) == "alice", "by email")
	change := person("alice")
	change.ID, change.FirstName = &alice, p("Alicia")
	done(kc.UpdateUser(ctx, token, realm, change))
	check(*got(kc.GetUserByID(ctx, token, realm, alice)).FirstName == "Alicia", "changed")
	done(kc.SetPassword(ctx, token, alice, realm, "first", true))
	check((*got(kc.GetUserByID(ctx, token, realm, alice)).RequiredActions)[0] == "UPDATE_PASSWORD", "to be changed")
	done(kc.SetPassword(ctx, token, alice, realm, "second", false))
	password := got(kc.GetCredentials(ctx, token, realm, alice))[0]
	check(*password.Type == "password", "credentials")
	check(len(got(kc.GetConfiguredUserStorageCredentialTypes(ctx, token, realm, alice))) == 0, "of a storage")
	done(kc.DeleteCredentials(ctx, token, realm, alice, *password.ID))
	check(len(got(kc.GetCredentials(ctx, token, realm, alice))) == 0, "no credentials")
	done(kc.SetPassword(ctx, token, alice, realm, "second", false))
	done(kc.AddUserToGroup(ctx, token, realm, alice, staff))
	check(groupNames(got(kc.GetUserGroups(ctx, token, realm, alice, gocloak.GetGroupsParams{}))) == "staff", "groups")
	check(userNames(got(kc.GetGroupMembers(ctx, token, realm, staff, gocloak.GetGroupsParams{}))) == "alice", "members")
	done(kc.DeleteUserFromGroup(ctx, token, realm, alice, staff))

	done(kc.AddRealmRoleToUser(ctx, token, realm, alice, []gocloak.Role{clerk}))
	done(kc.AddClientRolesToUser(ctx, token, realm, shop, alice, []gocloak.Role{vip}))
	check(roleNames(got(kc.GetRealmRolesByUserID(ctx, token, realm, alice))) == "clerk,default-roles-"+realm, "roles")
	check(strings.Contains(roleNames(got(kc.GetCompositeRealmRolesByUserID(ctx, token, realm, alice))), "offline_access"), "all roles")
	check(strings.Contains(roleNames(got(kc.GetAvailableRealmRolesByUserID(ctx, token, realm, alice))), "customer"), "available")
	check(roleNames(got(kc.GetClientRolesByUserID(ctx, token, realm, shop, alice))) == "vip", "roles of the client")
	check(roleNames(got(kc.GetCompositeClientRolesByUserID(ctx, token, realm, shop, alice))) == "vip", "all roles of the client")
	check(roleNames(got(kc.GetAvailableClientRolesByUserID(ctx, token, realm, shop, alice))) == "discount", "available of the client")
	check(len(got(kc.GetRoleMappingByUserID(ctx, token, realm, alice)).ClientMappings) >= 1, "mappings")
	check(userNames(got(kc.GetUsersByRoleName(ctx, token, realm, "clerk", gocloak.GetUsersByRoleParams{}))) == "alice", "users of a role")
	of := got(kc.GetUsersByClientRoleName(ctx, token, realm, shop, "vip", gocloak.GetUsersByRoleParams{}))
	check(userNames(of) == "alice", "users of a client's role")
	done(kc.DeleteRealmRoleFromUser(ctx, token, realm, alice, []gocloak.Role{clerk}))
	done(kc.DeleteClientRolesFromUser(ctx, token, realm, shop, alice, []gocloak.Role{vip}))
}

func sessions() {
	tokens := got(kc.Login(ctx, "shop", "of-no-worth", realm, "alice", "second"))
	active := got(kc.RetrospectToken(ctx, tokens.AccessToken, "shop", "of-no-worth", realm))
	check(*active.Active, "introspected", active)
	_, claims, err := kc.DecodeAccessToken(ctx, tokens.AccessToken, realm)
	done(err)
	check((*claims)["preferred_username"] == "alice", "claims", claims)
	got(kc.RefreshToken(ctx, tokens.RefreshToken, "shop", "of-no-worth", realm))
	session := got(kc.GetUserSessions(ctx, token, realm, alice))[0]
	check(*session.Username == "alice", "session", session)
	check(len(got(kc.GetClientUserSessions(ctx, token, realm, shop))) == 1, "sessions of the client")
	check(len(got(kc.GetClientOfflineSessions(ctx, token, realm, shop))) == 0, "offline sessions")
	check(len(got(kc.GetUserOfflineSessionsForClient(ctx, token, realm, alice, shop))) == 0, "offline sessions of the user")
	done(kc.LogoutUserSession(ctx, token, realm, *session.ID))
	check(len(got(kc.GetUserSessions(ctx, token, realm, alice))) == 0, "no sessions")
	got(kc.Login(ctx, "shop", "of-no-worth", realm, "alice", "second"))
	done(kc.LogoutAllSessions(ctx, token, realm, alice))
	check(len(got(kc.GetUserSessions(ctx, token, realm, alice))) == 0, "no sessions at all")
	service := got(kc.LoginClient(ctx, "shop", "of-no-worth", realm))
	check(service.AccessToken != "", "service account")
	refused(kc.RevokeUserConsents(ctx, token, realm, alice, "shop"), 404)
	for range []int{1, 2, 3} {
		_, err := kc.Login(ctx, "shop", "of-no-worth", realm, "alice", "wrong")
		check(err != nil, "a wrong password")
	}
	check(*got(kc.GetUserBruteForceDetectionStatus(ctx, token, realm, alice)).Disabled, "shut out")
}

func flows() {
	flow := gocloak.AuthenticationFlowRepresentation{Alias: p("mine"), ProviderID: p("basic-flow"), TopLevel: p(true), BuiltIn: p(false)}
	done(kc.CreateAuthenticationFlow(ctx, token, realm, flow))
	refused(kc.CreateAuthenticationFlow(ctx, token, realm, flow), 409)
	var id string
	for _, one := range got(kc.GetAuthenticationFlows(ctx, token, realm)) {
		if *one.Alias == "mine" {
			id = *one.ID
		}
	}
	flow.ID, flow.Description = &id, p("Mine")
	got(kc.UpdateAuthenticationFlow(ctx, token, realm, flow, id))
	check(*got(kc.GetAuthenticationFlow(ctx, token, realm, id)).Description == "Mine", "flow")
	cookie := gocloak.CreateAuthenticationExecutionRepresentation{Provider: p("auth-cookie")}
	done(kc.CreateAuthenticationExecution(ctx, token, realm, "mine", cookie))
	forms := gocloak.CreateAuthenticationExecutionFlowRepresentation{Alias: p("my forms"), Type: p("basic-flow"), Provider: p("registration-page-form")}
	done(kc.CreateAuthenticationExecutionFlow(ctx, token, realm, "mine", forms))
	step := *got(kc.GetAuthenticationExecutions(ctx, token, realm, "mine"))[0]
	step.Requirement = p("ALTERNATIVE")
	done(kc.UpdateAuthenticationExecution(ctx, token, realm, "mine", step))
	check(*got(kc.GetAuthenticationExecutions(ctx, token, realm, "mine"))[0].Requirement == "ALTERNATIVE", "step")
	done(kc.DeleteAuthenticationExecution(ctx, token, realm, *step.ID))
	check(len(got(kc.GetAuthenticationExecutions(ctx, token, realm, "mine"))) == 1, "steps")
	done(kc.DeleteAuthenticationFlow(ctx, token, realm, id))

	terms := *got(kc.GetRequiredAction(ctx, token, realm, "TERMS_AND_CONDITIONS"))
	terms.Enabled = p(true)
	done(kc.UpdateRequiredAction(ctx, token, realm, terms))
	check(*got(kc.GetRequiredAction(ctx, token, realm, "TERMS_AND_CONDITIONS")).Enabled, "required action")
	done(kc.DeleteRequiredAction(ctx, token, realm, "TERMS_AND_CONDITIONS"))
	// No more than this can be read there.
	free := gocloak.RequiredActionProviderRepresentation{Name: terms.Name, ProviderID: terms.ProviderID}
	done(kc.RegisterRequiredAction(ctx, token, realm, free))
	check(len(got(kc.GetRequiredActions(ctx, token, realm))) > 5, "required actions")
}

func components() {
	parent := *got(kc.GetRealm(ctx, token, realm)).ID
	component := gocloak.Component{
		Name: p("elliptic"), ProviderID: p("ecdsa-generated"), ProviderType: p("org.keycloak.keys.KeyProvider"), ParentID: &parent,
		ComponentConfig: &map[string][]string{"ecdsaEllipticCurveKey": {"P-384"}},
	}
	id := got(kc.CreateComponent(ctx, token, realm, component))
	check((*got(kc.GetComponent(ctx, token, realm, id)).ComponentConfig)["ecdsaEllipticCurveKey"][0] == "P-384", "component")
	component.ID, component.ComponentConfig = &id, &map[string][]string{"ecdsaEllipticCurveKey": {"P-521"}}
	done(kc.UpdateComponent(ctx, token, realm, component))
	found := got(kc.GetComponentsWithParams(ctx, token, realm, gocloak.GetComponentsParams{Name: p("elliptic")}))
	check(len(found) == 1 && (*found[0].ComponentConfig)["ecdsaEllipticCurveKey"][0] == "P-521", "components", found)
	done(kc.DeleteComponent(ctx, token, realm, id))
	_, err := kc.GetComponent(ctx, token, realm, id)
	refused(err, 404)
}

func events() {
	done(kc.UpdateRealm(ctx, token, gocloak.RealmRepresentation{Realm: &realm, EventsEnabled: p(true), BruteForceProtected: p(false)}))
	got(kc.Login(ctx, "shop", "of-no-worth", realm, "alice", "second"))
	found := got(kc.GetEvents(ctx, token, realm, gocloak.GetEventsParams{UserID: &alice}))
	check(len(found) == 1 && *found[0].Type == "LOGIN", "events", found)
}

func server() {
	info := got(kc.GetServerInfo(ctx, token))
	check(strings.HasPrefix(*info.SystemInfo.Version, "26.7"), "version")
	done(kc.ClearRealmCache(ctx, token, realm))
	done(kc.ClearUserCache(ctx, token, realm))
	done(kc.ClearKeysCache(ctx, token, realm))
}

func end() {
	done(kc.DeleteUser(ctx, token, realm, alice))
	_, err := kc.GetUserByID(ctx, token, realm, alice)
	refused(err, 404)
	done(kc.DeleteRealm(ctx, token, realm))
	_, err = kc.GetRealm(ctx, token, realm)
	refused(err, 404)
}

func main() {
	for _, group := range []struct {
		name string
		work func()
	}{
		{"realms", realms}, {"clients", clients}, {"scopes", scopes}, {"roles", roles}, {"groups", groups}, {"users", users},
		{"sessions", sessions}, {"flows", flows}, {"components", components}, {"events", events}, {"server", server}, {"end", end},
	} {
		// Tokens live a minute, and a machine may be slow.
		token = got(kc.LoginAdmin(ctx, os.Getenv("ADMIN"), os.Getenv("ADMIN_PASSWORD"), "master")).AccessToken
		group.work()
		fmt.Println("done:", group.name)
	}
}
