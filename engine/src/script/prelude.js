// What a script finds: Keycloak's objects over a snapshot of what they stand for. They are read, but
// for a token's claims. `begin` takes the snapshot and gives back what makes the outcome.
(function begin(text) {
    "use strict";
    const sees = JSON.parse(text);
    const parse = JSON.parse, stringify = JSON.stringify;

    class List extends Array {
        static of(values) { const list = new List(); list.push(...(values ?? [])); return list; }
        size() { return this.length; }
        count() { return this.length; }
        get(index) { return this[index] ?? null; }
        isEmpty() { return this.length === 0; }
        contains(value) { return this.includes(value); }
        add(value) { this.push(value); return true; }
        addAll(values) { this.push(...values); return true; }
        stream() { return this; }
        toArray() { return this; }
        toList() { return this; }
        collect() { return this; }
        distinct() { return List.of(new Set(this)); }
        anyMatch(test) { return this.some((value) => test(value)); }
        allMatch(test) { return this.every((value) => test(value)); }
        noneMatch(test) { return !this.anyMatch(test); }
        findFirst() { return new Optional(this.length > 0 ? this[0] : null); }
        findAny() { return this.findFirst(); }
        iterator() { let at = 0; return { hasNext: () => at < this.length, next: () => this[at++] }; }
        getFirst() { return this.get(0); }
    }

    class Optional {
        constructor(value) { this.value = value; }
        isPresent() { return this.value !== null; }
        isEmpty() { return this.value === null; }
        get() { return this.value; }
        orElse(other) { return this.value ?? other; }
    }

    class Dictionary {
        #members;
        constructor(members) { this.#members = members instanceof Dictionary ? members.toJSON() : members ?? {}; }
        get(name) { return Object.hasOwn(this.#members, name) ? wrapped(this.#members[name]) : null; }
        getOrDefault(name, other) { return this.containsKey(name) ? this.get(name) : other; }
        put(name, value) { const before = this.get(name); this.#members[name] = value; return before; }
        putAll(other) { other.forEach((name, value) => this.put(name, value)); }
        remove(name) { const before = this.get(name); delete this.#members[name]; return before; }
        containsKey(name) { return Object.hasOwn(this.#members, name); }
        keySet() { return List.of(Object.keys(this.#members)); }
        values() { return this.keySet().map((name) => this.get(name)); }
        entrySet() {
            return this.keySet().map((name) => ({ key: name, value: this.get(name), getKey: () => name, getValue: () => this.get(name) }));
        }
        size() { return this.keySet().length; }
        isEmpty() { return this.size() === 0; }
        forEach(use) { for (const name of this.keySet()) use(name, this.get(name)); }
        toJSON() { return this.#members; }
    }

    const wrapped = (value) => Array.isArray(value) ? List.of(value) : value ?? null;

    // A property, and the method that Java would have for it.
    function bean(properties, methods) {
        const made = { ...methods };
        for (const [name, value] of Object.entries(properties)) {
            const rest = name[0].toUpperCase() + name.slice(1);
            const get = () => wrapped(value);
            Object.defineProperty(made, name, { get, enumerable: true });
            made[(typeof value === "boolean" ? "is" : "get") + rest] ??= get;
        }
        return made;
    }

    const role = (name, client) => bean({ name, clientRole: client !== undefined }, { client });
    const rolesOf = (names, client) => List.of((names ?? []).map((name) => role(name, client)));
    const group = (of) => bean({ id: of.id, name: of.name, path: of.path }, {
        getFirstAttribute: (name) => of.attributes?.[name]?.[0] ?? null,
        getAttributes: () => new Dictionary(of.attributes),
    });

    const client = bean({ name: null, rootUrl: null, baseUrl: null, ...sees.client });
    const realm = bean({ displayName: null, ...sees.realm }, {
        getRole: (name) => role(name),
        getClientByClientId: (name) => name === sees.client.clientId ? client : bean({ clientId: name }),
    });
    const { attributes, groups, realmRoles, clientRoles, ...plain } = sees.user;
    const realmRolesOf = () => rolesOf(realmRoles);
    const clientRolesOf = (of) => rolesOf(clientRoles?.[of.clientId], of.clientId);
    const groupsOf = () => List.of((groups ?? []).map(group));
    const user = bean({ email: null, firstName: null, lastName: null, federationLink: null, ...plain }, {
        getFirstAttribute: (name) => attributes?.[name]?.[0] ?? null,
        getAttribute: (name) => List.of(attributes?.[name]),
        getAttributeStream: (name) => List.of(attributes?.[name]),
        getAttributes: () => new Dictionary(structured(attributes ?? {})),
        getGroups: groupsOf,
        getGroupsStream: groupsOf,
        getRealmRoleMappings: realmRolesOf,
        getRealmRoleMappingsStream: realmRolesOf,
        getClientRoleMappings: clientRolesOf,
        getClientRoleMappingsStream: clientRolesOf,
        hasRole: (of) => ((of.client === undefined ? realmRoles : clientRoles?.[of.client]) ?? []).includes(of.name),
        isMemberOf: (of) => (groups ?? []).some((one) => one.id === of.id),
    });
    const { notes, ...session } = sees.userSession;
    const userSession = bean({ ipAddress: null, authMethod: null, ...session }, {
        getNote: (name) => notes?.[name] ?? null,
        getNotes: () => new Dictionary(structured(notes ?? {})),
        getUser: () => user,
        getRealm: () => realm,
        getLoginUsername: () => sees.user.username,
        user, realm, loginUsername: sees.user.username,
    });
    const context = { client, realm, userSession, getClient: () => client, getRealm: () => realm, getUserSession: () => userSession };
    const keycloakSession = { context, getContext: () => context };

    function structured(value) { return parse(stringify(value)); }

    const claims = sees.claims;
    const access = (path) => {
        const at = path.reduce((object, name) => object?.[name], claims);
        const roles = () => List.of(at?.roles);
        return { roles: roles(), getRoles: roles, isUserInRole: (name) => roles().contains(name) };
    };
    const audience = () => List.of(claims.aud === undefined ? [] : [].concat(claims.aud));
    function makeToken() {
        const readable = {
            id: "jti", issuer: "iss", type: "typ", issuedFor: "azp", sessionId: "sid", exp: "exp", iat: "iat", nonce: "nonce",
            name: "name", givenName: "given_name", familyName: "family_name", email: "email", preferredUsername: "preferred_username",
        };
        const writable = { subject: "sub", scope: "scope", acr: "acr" };
        const token = {
            otherClaims: new Dictionary(claims),
            getOtherClaims: () => token.otherClaims,
            setOtherClaims: (name, value) => { token.otherClaims.put(name, value); },
            audience: audience(),
            getAudience: audience,
            addAudience: (name) => { if (!audience().contains(name)) claims.aud = [...audience(), name]; return token; },
            hasAudience: (name) => audience().contains(name),
            realmAccess: access(["realm_access"]),
            getRealmAccess: () => access(["realm_access"]),
            getResourceAccess: (name) => access(["resource_access", name]),
        };
        for (const [name, claim] of Object.entries({ ...readable, ...writable })) {
            const rest = name[0].toUpperCase() + name.slice(1);
            const get = () => claims[claim] ?? null;
            const put = name in writable ? (value) => { claims[claim] = value; } : undefined;
            Object.defineProperty(token, name, { get, set: put, enumerable: true });
            token["get" + rest] = get;
            if (put !== undefined) token["set" + rest] = put;
        }
        return token;
    }

    const types = {
        "java.util.ArrayList": List, "java.util.LinkedList": List, "java.util.HashSet": List, "java.util.LinkedHashSet": List,
        "java.util.HashMap": Dictionary, "java.util.LinkedHashMap": Dictionary, "java.util.TreeMap": Dictionary,
        "java.lang.String": String,
    };
    const Java = {
        type(name) {
            if (Object.hasOwn(types, name)) return types[name];
            throw new Error(name + " is not there for scripts");
        },
        from: (values) => Array.from(values),
        to: (values) => List.of(values),
    };

    const found = { user, realm, userSession, keycloakSession, Java, print() {} };
    if (sees.kind === "token") {
        found.token = makeToken();
    } else {
        const answer = new Dictionary(claims);
        found.tokenResponse = {
            otherClaims: answer, getOtherClaims: () => answer, setOtherClaims: (name, value) => { answer.put(name, value); },
        };
    }
    Object.assign(globalThis, found);
    return (value) => stringify({ value: value ?? null, claims });
})
