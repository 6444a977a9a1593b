"""An administrator's work with python-keycloak, by the library's own methods."""

import os
from contextlib import contextmanager

from keycloak import KeycloakAdmin, KeycloakOpenID, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakDeleteError, KeycloakError, KeycloakGetError, KeycloakPostError

BASE, REALM = os.environ["BASE_URL"], os.environ["REALM"]
CONNECTION = {
    "server_url": BASE,
    "username": os.environ["ADMIN"],
    "password": os.environ["ADMIN_PASSWORD"],
    "user_realm_name": "master",
}


@contextmanager
def refused(kind: type[KeycloakError], status: int):
    """What is done within is refused."""
    try:
        yield
    except kind as problem:
        assert problem.response_code == status, problem
    else:
        raise AssertionError(f"it was not refused with {status}")


def names(things, key="name"):
    return sorted(thing[key] for thing in things)


def realms(admin: KeycloakAdmin) -> None:
    master = KeycloakAdmin(connection=KeycloakOpenIDConnection(**CONNECTION, realm_name="master"))
    master.create_realm({"realm": REALM, "enabled": True, "sslRequired": "none", "registrationAllowed": True})
    with refused(KeycloakPostError, 409):
        master.create_realm({"realm": REALM})
    assert REALM in names(master.get_realms(), "realm")
    admin.update_realm(REALM, {"displayName": "A shop", "bruteForceProtected": True, "failureFactor": 2})
    realm = admin.get_realm(REALM)
    assert (realm["displayName"], realm["failureFactor"], realm["registrationAllowed"]) == ("A shop", 2, True)
    assert {"RS256", "HS512"} <= set(admin.get_keys()["active"])
    with refused(KeycloakGetError, 404):
        admin.get_realm(f"{REALM}-of-nobody")


def profile(admin: KeycloakAdmin) -> None:
    settings = admin.get_realm_users_profile()
    assert names(settings["attributes"]) == ["email", "firstName", "lastName", "username"]
    everybody = {"view": ["admin", "user"], "edit": ["admin"]}
    settings["attributes"].append({"name": "size", "displayName": "Size", "permissions": everybody})
    settings["unmanagedAttributePolicy"] = "ENABLED"
    admin.update_realm_users_profile(settings)
    assert "size" in names(admin.get_realm_users_profile()["attributes"])


def clients(admin: KeycloakAdmin) -> None:
    representation = {
        "clientId": "shop",
        "secret": "of-no-worth",
        "publicClient": False,
        "directAccessGrantsEnabled": True,
        "serviceAccountsEnabled": True,
        "consentRequired": False,
        "redirectUris": ["https://shop.example/*"],
    }
    shop = admin.create_client(representation)
    assert admin.create_client(representation, skip_exists=True) == shop
    with refused(KeycloakPostError, 409):
        admin.create_client(representation)
    assert admin.get_client_id("shop") == shop
    assert {"account", "admin-cli", "broker", "realm-management", "shop"} <= set(names(admin.get_clients(), "clientId"))
    admin.update_client(shop, {"description": "Shoes"})
    assert admin.get_client(shop)["description"] == "Shoes"
    assert admin.get_client_secrets(shop)["value"] == "of-no-worth"
    assert admin.generate_client_secrets(shop)["value"] != "of-no-worth"
    admin.update_client(shop, {"secret": "of-no-worth"})
    assert admin.get_client_service_account_user(shop)["username"] == "service-account-shop"
    adapter = admin.get_client_installation_provider(shop, "keycloak-oidc-keycloak-json")
    assert (adapter["realm"], adapter["resource"]) == (REALM, "shop")

    mapper = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": "stock", "access.token.claim": "true"},
    }
    admin.add_mapper_to_client(shop, mapper)
    mapper["id"] = next(one["id"] for one in admin.get_mappers_from_client(shop) if one["name"] == "audience")
    mapper["config"]["included.custom.audience"] = "cellar"
    admin.update_client_mapper(shop, mapper["id"], mapper)
    (kept,) = [one for one in admin.get_mappers_from_client(shop) if one["name"] == "audience"]
    assert kept["config"]["included.custom.audience"] == "cellar"
    admin.remove_client_mapper(shop, mapper["id"])
    assert "audience" not in names(admin.get_mappers_from_client(shop))

    assert admin.get_client_certificate_key_info(shop, "jwt.credential") is not None
    till = admin.create_client({"clientId": "till", "bearerOnly": True})
    admin.delete_client(till)
    assert admin.get_client_id("till") is None
    with refused(KeycloakDeleteError, 404):
        admin.delete_client(till)


def client_scopes(admin: KeycloakAdmin) -> None:
    shop = admin.get_client_id("shop")
    orders = admin.create_client_scope({"name": "orders", "protocol": "openid-connect"})
    assert admin.create_client_scope({"name": "orders", "protocol": "openid-connect"}, skip_exists=True) == orders
    admin.update_client_scope(orders, {"name": "orders", "protocol": "openid-connect", "description": "What was bought"})
    assert admin.get_client_scope(orders)["description"] == "What was bought"
    assert admin.get_client_scope_by_name("orders")["id"] == orders
    assert {"orders", "profile", "email"} <= set(names(admin.get_client_scopes()))
    mapper = {
        "name": "size",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": {"user.attribute": "size", "claim.name": "size", "jsonType.label": "String", "access.token.claim": "true"},
    }
    admin.add_mapper_to_client_scope(orders, mapper)
    (mapper,) = admin.get_mappers_from_client_scope(orders)
    mapper["config"]["claim.name"] = "shoes"
    admin.update_mapper_in_client_scope(orders, mapper["id"], mapper)
    (mapper,) = admin.get_mappers_from_client_scope(orders)
    assert mapper["config"]["claim.name"] == "shoes"
    admin.delete_mapper_from_client_scope(orders, mapper["id"])
    assert admin.get_mappers_from_client_scope(orders) == []

    admin.add_client_default_client_scope(shop, orders, {})
    assert "orders" in names(admin.get_client_default_client_scopes(shop))
    admin.delete_client_default_client_scope(shop, orders)
    admin.add_client_optional_client_scope(shop, orders, {})
    assert "orders" in names(admin.get_client_optional_client_scopes(shop))
    admin.delete_client_optional_client_scope(shop, orders)
    assert "orders" not in names(admin.get_client_optional_client_scopes(shop))
    admin.add_default_default_client_scope(orders)
    assert "orders" in names(admin.get_default_default_client_scopes())
    admin.delete_default_default_client_scope(orders)
    admin.add_default_optional_client_scope(orders)
    assert "orders" in names(admin.get_default_optional_client_scopes())
    admin.delete_default_optional_client_scope(orders)


def roles(admin: KeycloakAdmin) -> None:
    shop = admin.get_client_id("shop")
    for name in ("customer", "clerk", "manager"):
        assert admin.create_realm_role({"name": name, "description": f"A {name}"}) == name
    with refused(KeycloakPostError, 409):
        admin.create_realm_role({"name": "clerk"})
    admin.create_realm_role({"name": "clerk"}, skip_exists=True)
    assert {"customer", "clerk", "manager", "offline_access"} <= set(names(admin.get_realm_roles()))
    assert names(admin.get_realm_roles(search_text="cler")) == ["clerk"]
    admin.update_realm_role("clerk", {"name": "clerk", "description": "Who sells"})
    clerk, manager = admin.get_realm_role("clerk"), admin.get_realm_role("manager")
    assert admin.get_realm_role_by_id(clerk["id"])["description"] == "Who sells"

    admin.create_client_role(shop, {"name": "discount"})
    admin.create_client_role(shop, {"name": "vip"})
    admin.create_client_role(shop, {"name": "vip"}, skip_exists=True)
    admin.update_client_role(shop, "vip", {"name": "vip", "description": "Very important"})
    discount, vip = admin.get_client_role(shop, "discount"), admin.get_client_role(shop, "vip")
    assert admin.get_client_role_id(shop, "vip") == vip["id"] and vip["description"] == "Very important"
    assert names(admin.get_client_roles(shop)) == ["discount", "vip"]

    admin.add_composite_realm_roles_to_role("manager", [clerk])
    admin.add_composite_client_roles_to_role(shop, "vip", [discount])
    assert names(admin.get_composite_realm_roles_of_role("manager")) == ["clerk"]
    assert names(admin.get_role_composites_by_id(vip["id"])) == ["discount"]
    assert names(admin.get_role_client_level_children(shop, vip["id"])) == ["discount"]
    admin.remove_composite_client_roles_from_role(shop, "vip", [discount])
    admin.remove_composite_realm_roles_to_role("manager", [clerk])
    assert admin.get_composite_realm_roles_of_role("manager") == []
    admin.update_role_by_id(manager["id"], {**manager, "description": "Who decides"})
    assert admin.get_role_by_id(manager["id"])["description"] == "Who decides"

    everybody = admin.get_default_realm_role_id()
    assert admin.get_role_by_id(everybody)["name"] == f"default-roles-{REALM}"
    admin.add_realm_default_roles([admin.get_realm_role("customer")])
    assert "customer" in names(admin.get_realm_default_roles())
    admin.remove_realm_default_roles([admin.get_realm_role("customer")])
    assert "customer" not in names(admin.get_realm_default_roles())

    admin.update_client(shop, {"fullScopeAllowed": False})
    admin.assign_realm_roles_to_client_scope(shop, [clerk])
    assert names(admin.get_realm_roles_of_client_scope(shop)) == ["clerk"]
    admin.delete_realm_roles_of_client_scope(shop, [clerk])
    account = admin.get_client_id("account")
    view = admin.get_client_role(account, "view-profile")
    admin.assign_client_roles_to_client_scope(shop, account, [view])
    assert names(admin.get_client_roles_of_client_scope(shop, account)) == ["view-profile"]
    admin.delete_client_roles_of_client_scope(shop, account, [view])
    orders = admin.get_client_scope_by_name("orders")["id"]
    admin.add_client_specific_roles_to_client_scope(orders, account, [view])
    assert names(admin.get_client_specific_roles_of_client_scope(orders, account)) == ["view-profile"]
    assert "account" in admin.get_all_roles_of_client_scope(orders)["clientMappings"]
    admin.remove_client_specific_roles_of_client_scope(orders, account, [view])
    admin.update_client(shop, {"fullScopeAllowed": True})
    admin.delete_role_by_id(manager["id"])
    admin.delete_client_role(shop, "discount")
    with refused(KeycloakGetError, 404):
        admin.get_realm_role("manager")


def groups(admin: KeycloakAdmin) -> None:
    shop = admin.get_client_id("shop")
    staff = admin.create_group({"name": "staff", "attributes": {"floor": ["1"]}})
    cellar = admin.create_group({"name": "cellar"}, parent=staff)
    corner = admin.create_group({"name": "corner"}, parent=cellar)
    with refused(KeycloakPostError, 409):
        admin.create_group({"name": "staff"})
    admin.create_group({"name": "staff"}, skip_exists=True)
    assert admin.groups_count()["count"] == 3
    assert names(admin.get_groups()) == ["staff"]
    assert names(admin.get_groups({"search": "corn"})) == ["staff"], "with the way to it"
    assert admin.get_group(staff)["attributes"] == {"floor": ["1"]}
    assert admin.get_group_by_path("/staff/cellar/corner")["id"] == corner
    assert names(admin.get_group_children(staff)) == ["cellar"]
    assert names(admin.get_group(staff, full_hierarchy=True)["subGroups"]) == ["cellar"]
    admin.update_group(cellar, {"name": "vault"})
    assert admin.get_group_by_path("/staff/vault")["id"] == cellar

    clerk, vip = admin.get_realm_role("clerk"), admin.get_client_role(shop, "vip")
    admin.assign_group_realm_roles(staff, [clerk])
    admin.assign_group_client_roles(staff, shop, [vip])
    assert names(admin.get_group_realm_roles(staff)) == ["clerk"]
    assert names(admin.get_group_client_roles(staff, shop)) == ["vip"]
    assert names(admin.get_composite_client_roles_of_group(shop, staff)) == ["vip"]
    assert names(admin.get_realm_role_groups("clerk")) == ["staff"]
    assert names(admin.get_client_role_groups(shop, "vip")) == ["staff"]
    admin.delete_group_client_roles(staff, shop, [vip])
    admin.delete_group_realm_roles(staff, [clerk])
    assert admin.get_group_realm_roles(staff) == []
    admin.delete_group(corner)
    assert admin.groups_count()["count"] == 2


def users(admin: KeycloakAdmin) -> None:
    person = {"enabled": True, "emailVerified": True, "firstName": "Alice", "lastName": "Liddell"}
    alice = admin.create_user(
        {"username": "alice", "email": "alice@shop.example", "attributes": {"size": ["38"]}, **person}, exist_ok=False
    )
    assert admin.create_user({"username": "alice"}, exist_ok=True) == alice
    with refused(KeycloakPostError, 409):
        admin.create_user({"username": "alice"}, exist_ok=False)
    for number in range(5):
        admin.create_user({"username": f"guest{number}", "email": f"guest{number}@shop.example", **person})
    assert admin.users_count() == 6 and admin.users_count({"search": "guest"}) == 5
    assert admin.get_user_id("alice") == alice
    assert names(admin.get_users({"search": "guest", "max": 2, "first": 1}), "username") == ["guest1", "guest2"]
    assert names(admin.get_users({"q": "size:38"}), "username") == ["alice"]
    assert len(admin.get_users({"username": "guest"})) == 5
    admin.update_user(alice, {"firstName": "Alicia", "email": "alice@shop.example"})
    user = admin.get_user(alice, user_profile_metadata=True)
    assert user["firstName"] == "Alicia" and "size" in names(user["userProfileMetadata"]["attributes"])
    admin.disable_user(alice)
    assert admin.get_user(alice)["enabled"] is False
    admin.enable_user(alice)
    with refused(KeycloakPostError, 409):
        admin.create_user({"username": "other", "email": "alice@shop.example"}, exist_ok=False)

    admin.set_user_password(alice, "first", temporary=True)
    assert admin.get_user(alice)["requiredActions"] == ["UPDATE_PASSWORD"]
    admin.set_user_password(alice, "second", temporary=False)
    assert admin.get_user(alice)["requiredActions"] == []
    (password,) = admin.get_credentials(alice)
    assert password["type"] == "password" and "value" not in password
    admin.delete_credential(alice, password["id"])
    assert admin.get_credentials(alice) == []
    admin.set_user_password(alice, "second", temporary=False)

    staff = admin.get_group_by_path("/staff")["id"]
    admin.group_user_add(alice, staff)
    assert names(admin.get_user_groups(alice)) == ["staff"]
    assert names(admin.get_group_members(staff), "username") == ["alice"]
    admin.group_user_remove(alice, staff)
    assert admin.get_user_groups(alice) == []


def role_mappings(admin: KeycloakAdmin) -> None:
    alice, shop = admin.get_user_id("alice"), admin.get_client_id("shop")
    clerk, vip = admin.get_realm_role("clerk"), admin.get_client_role(shop, "vip")
    admin.assign_realm_roles(alice, [clerk])
    admin.assign_client_role(alice, shop, [vip])
    assert names(admin.get_realm_roles_of_user(alice)) == ["clerk", f"default-roles-{REALM}"]
    assert "customer" in names(admin.get_available_realm_roles_of_user(alice))
    assert {"clerk", "offline_access"} <= set(names(admin.get_composite_realm_roles_of_user(alice)))
    assert names(admin.get_client_roles_of_user(alice, shop)) == ["vip"]
    assert "vip" not in names(admin.get_available_client_roles_of_user(alice, shop))
    assert names(admin.get_composite_client_roles_of_user(alice, shop)) == ["vip"]
    every = admin.get_all_roles_of_user(alice)
    assert names(every["clientMappings"]["shop"]["mappings"]) == ["vip"]
    assert names(admin.get_realm_role_members("clerk"), "username") == ["alice"]
    assert names(admin.get_client_role_members(shop, "vip"), "username") == ["alice"]
    admin.delete_realm_roles_of_user(alice, [clerk])
    admin.delete_client_roles_of_user(alice, shop, [vip])
    assert admin.get_client_roles_of_user(alice, shop) == []


def sessions(admin: KeycloakAdmin) -> None:
    alice, shop = admin.get_user_id("alice"), admin.get_client_id("shop")
    openid = KeycloakOpenID(server_url=BASE, realm_name=REALM, client_id="shop", client_secret_key="of-no-worth")
    tokens = openid.token("alice", "second", scope="openid")
    assert openid.userinfo(tokens["access_token"])["preferred_username"] == "alice"
    (session,) = admin.get_sessions(alice)
    assert session["username"] == "alice" and shop in session["clients"]
    assert names(admin.get_client_all_sessions(shop), "username") == ["alice"]
    (figures,) = [one for one in admin.get_client_sessions_stats() if one["clientId"] == "shop"]
    assert figures["active"] == "1"
    admin.user_logout(alice)
    assert admin.get_sessions(alice) == []
    with refused(KeycloakError, 401):
        openid.userinfo(tokens["access_token"])
    assert admin.user_consents(alice) == []
    with refused(KeycloakDeleteError, 404):
        admin.revoke_consent(alice, "shop")

    for _ in range(3):
        try:
            openid.token("alice", "wrong")
        except KeycloakError as problem:
            assert b"invalid_grant" in problem.response_body, problem
    status = admin.get_bruteforce_detection_status(alice)
    assert status["disabled"] is True and status["numFailures"] == 2
    admin.clear_bruteforce_attempts_for_user(alice)
    assert admin.get_bruteforce_detection_status(alice)["disabled"] is False
    admin.clear_all_bruteforce_attempts()


def flows(admin: KeycloakAdmin) -> None:
    assert {"browser", "direct grant", "registration"} <= set(names(admin.get_authentication_flows(), "alias"))
    admin.copy_authentication_flow({"newName": "my browser"}, "browser")
    flow = {"alias": "my flow", "providerId": "basic-flow", "topLevel": True, "builtIn": False}
    admin.create_authentication_flow(flow)
    with refused(KeycloakPostError, 409):
        admin.create_authentication_flow(flow)
    admin.create_authentication_flow(flow, skip_exists=True)
    flow_id = next(one["id"] for one in admin.get_authentication_flows() if one["alias"] == "my flow")
    admin.update_authentication_flow(flow_id, {**flow, "id": flow_id, "description": "Mine"})
    assert admin.get_authentication_flow_for_id(flow_id)["description"] == "Mine"
    admin.create_authentication_flow_execution({"provider": "auth-cookie"}, "my flow")
    admin.create_authentication_flow_execution({"provider": "identity-provider-redirector"}, "my flow")
    admin.create_authentication_flow_subflow({"alias": "my forms", "provider": "registration-page-form", "type": "basic-flow"}, "my flow")
    cookie, redirector, forms = admin.get_authentication_flow_executions("my flow")
    assert forms["displayName"] == "my forms" and cookie["requirement"] == "DISABLED"
    cookie["requirement"] = "ALTERNATIVE"
    admin.update_authentication_flow_executions(cookie, "my flow")
    admin.change_execution_priority(redirector["id"], 1)
    redirector, cookie, forms = admin.get_authentication_flow_executions("my flow")
    assert (redirector["providerId"], cookie["requirement"]) == ("identity-provider-redirector", "ALTERNATIVE")
    assert admin.get_authentication_flow_execution(cookie["id"])["authenticator"] == "auth-cookie"
    admin.create_execution_config(redirector["id"], {"alias": "to them", "config": {"defaultProvider": "other"}})
    redirector = admin.get_authentication_flow_executions("my flow")[0]
    config = admin.get_authenticator_config(redirector["authenticationConfig"])
    assert config["config"] == {"defaultProvider": "other"}
    admin.update_authenticator_config({**config, "config": {"defaultProvider": "another"}}, config["id"])
    assert admin.get_authenticator_config(config["id"])["config"] == {"defaultProvider": "another"}
    admin.delete_authenticator_config(config["id"])
    admin.delete_authentication_flow_execution(cookie["id"])
    assert len(admin.get_authentication_flow_executions("my flow")) == 2
    assert "auth-cookie" in names(admin.get_authenticator_providers(), "id")
    described = admin.get_authenticator_provider_config_description("identity-provider-redirector")
    assert names(described["properties"]) == ["defaultProvider"]
    admin.delete_authentication_flow(flow_id)

    assert {"CONFIGURE_TOTP", "UPDATE_PASSWORD"} <= set(names(admin.get_required_actions(), "alias"))
    terms = admin.get_required_action_by_alias("TERMS_AND_CONDITIONS")
    admin.update_required_action("TERMS_AND_CONDITIONS", {**terms, "enabled": True})
    assert admin.get_required_action_by_alias("TERMS_AND_CONDITIONS")["enabled"] is True


def components(admin: KeycloakAdmin) -> None:
    realm_id = admin.get_realm(REALM)["id"]
    component = {
        "name": "elliptic",
        "providerId": "ecdsa-generated",
        "providerType": "org.keycloak.keys.KeyProvider",
        "parentId": realm_id,
        "config": {"priority": ["90"], "ecdsaEllipticCurveKey": ["P-384"]},
    }
    elliptic = admin.create_component(component)
    assert admin.get_component(elliptic)["config"]["ecdsaEllipticCurveKey"] == ["P-384"]
    assert "ES384" in admin.get_keys()["active"]
    admin.update_component(elliptic, {**component, "config": {"priority": ["91"], "ecdsaEllipticCurveKey": ["P-521"]}})
    assert "ES512" in admin.get_keys()["active"]
    found = admin.get_components({"parent": realm_id, "type": "org.keycloak.keys.KeyProvider"})
    assert "elliptic" in names(found)
    admin.delete_component(elliptic)
    with refused(KeycloakGetError, 404):
        admin.get_component(elliptic)


def events(admin: KeycloakAdmin) -> None:
    settings = {"eventsEnabled": True, "adminEventsEnabled": True, "adminEventsDetailsEnabled": True}
    admin.set_events(settings)
    openid = KeycloakOpenID(server_url=BASE, realm_name=REALM, client_id="shop", client_secret_key="of-no-worth")
    openid.token("alice", "second")
    (login,) = admin.get_events({"type": "LOGIN"})
    assert login["userId"] == admin.get_user_id("alice") and login["clientId"] == "shop"
    admin.create_realm_role({"name": "witness"})
    (made,) = admin.get_admin_events({"operationTypes": "CREATE", "resourceTypes": "REALM_ROLE"})
    assert made["resourcePath"] == "roles/witness" and '"witness"' in made["representation"]


def imports(admin: KeycloakAdmin) -> None:
    whole = admin.export_realm(export_clients=True, export_groups_and_role=True)
    assert whole["realm"] == REALM and "shop" in names(whole["clients"], "clientId")
    assert "staff" in names(whole["groups"])
    answer = admin.partial_import_realm(
        REALM,
        {"ifResourceExists": "SKIP", "users": [{"username": "alice"}, {"username": "zoe"}], "roles": {"realm": [{"name": "late"}]}},
    )
    assert (answer["added"], answer["skipped"], answer["overwritten"]) == (2, 1, 0)
    assert admin.get_user_id("zoe") and admin.get_realm_role("late")


def server(admin: KeycloakAdmin) -> None:
    info = admin.get_server_info()
    assert info["systemInfo"]["version"].startswith("26.7") and "openid-connect" in info["providers"]["login-protocol"]["providers"]
    admin.clear_keys_cache()
    admin.clear_realm_cache()
    admin.clear_user_cache()


def end(admin: KeycloakAdmin) -> None:
    zoe = admin.get_user_id("zoe")
    admin.delete_user(zoe)
    assert admin.get_user_id("zoe") is None
    admin.delete_realm(REALM)


GROUPS = [
    realms, profile, clients, client_scopes, roles, groups, users, role_mappings, sessions, flows, components, events, imports,
    server, end,
]

if __name__ == "__main__":
    shop_admin = KeycloakAdmin(connection=KeycloakOpenIDConnection(**CONNECTION, realm_name=REALM))
    for group in GROUPS:
        group(shop_admin)
        print("done:", group.__name__, flush=True)
