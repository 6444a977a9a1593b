-- The foundation: realms, their configuration as documents, people as rows, sessions, what happened,
-- and what has to be told to others.
-- Six column types only: VARCHAR(n), TEXT, BIGINT, SMALLINT, INTEGER, BYTES. Times are epoch milliseconds.
-- On MySQL and MariaDB the migrator reads TEXT as LONGTEXT. Columns `…_lower` have room for twice the
-- characters, for some letters are two in lower case.

CREATE TABLE realm (
    id VARCHAR(36) NOT NULL,
    name VARCHAR(255) NOT NULL,
    enabled SMALLINT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX realm_name ON realm (name);

-- Configuration: one row a client, client scope, role, group, component, flow, … in Keycloak's JSON.
-- `parent` and `unique_name` say within what the name is unique; both are '' or the id where nothing is.
-- `name_lower` is `unique_name` in lower case: what a search looks through.
CREATE TABLE document (
    realm_id VARCHAR(36) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    id VARCHAR(36) NOT NULL,
    parent VARCHAR(36) NOT NULL,
    unique_name VARCHAR(255) NOT NULL,
    name_lower VARCHAR(510) NOT NULL,
    enabled SMALLINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (realm_id, kind, id)
);
CREATE UNIQUE INDEX document_name ON document (realm_id, kind, parent, unique_name);

-- Directed relations between documents: composites, scope mappings, group roles, default scopes, …
CREATE TABLE link (
    realm_id VARCHAR(36) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    from_id VARCHAR(36) NOT NULL,
    to_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (realm_id, kind, from_id, to_id)
);
CREATE INDEX link_to ON link (realm_id, kind, to_id);

-- `…_lower` are what a search looks through. `attributes` holds the attributes as JSON, so that a user
-- is one row to read; `user_attribute` is only their index. Ids of users of another store are longer
-- than a UUID. `email_alone` is the address in lower case where nobody else may have it, or null.
CREATE TABLE user_entity (
    realm_id VARCHAR(36) NOT NULL,
    id VARCHAR(255) NOT NULL,
    username VARCHAR(255) NOT NULL,
    email VARCHAR(255),
    email_lower VARCHAR(510),
    email_alone VARCHAR(510),
    first_name VARCHAR(255),
    first_name_lower VARCHAR(510),
    last_name VARCHAR(255),
    last_name_lower VARCHAR(510),
    enabled SMALLINT NOT NULL,
    email_verified SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    service_account_of VARCHAR(36),
    federation_link VARCHAR(36),
    attributes TEXT NOT NULL,
    required_actions TEXT NOT NULL,
    PRIMARY KEY (realm_id, id)
);
CREATE UNIQUE INDEX user_username ON user_entity (realm_id, username);
CREATE INDEX user_email ON user_entity (realm_id, email_lower);
CREATE UNIQUE INDEX user_email_alone ON user_entity (realm_id, email_alone);
CREATE INDEX user_service_account ON user_entity (realm_id, service_account_of);

-- A text of any length is found by the hash of its lower case.
CREATE TABLE user_attribute (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    position INTEGER NOT NULL,
    value_lower TEXT NOT NULL,
    value_hash BIGINT NOT NULL,
    PRIMARY KEY (realm_id, user_id, name, position)
);
CREATE INDEX user_attribute_value ON user_attribute (realm_id, name, value_hash);

CREATE TABLE credential (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    id VARCHAR(36) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    user_label VARCHAR(255),
    created_at BIGINT,
    priority INTEGER NOT NULL,
    secret_data TEXT NOT NULL,
    credential_data TEXT NOT NULL,
    PRIMARY KEY (realm_id, user_id, id)
);

CREATE TABLE user_role (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    role_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (realm_id, user_id, role_id)
);
CREATE INDEX user_role_role ON user_role (realm_id, role_id);

CREATE TABLE user_group (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    group_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (realm_id, user_id, group_id)
);
CREATE INDEX user_group_group ON user_group (realm_id, group_id);

CREATE TABLE federated_identity (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    provider VARCHAR(255) NOT NULL,
    provider_user_id VARCHAR(255) NOT NULL,
    provider_user_name VARCHAR(255),
    PRIMARY KEY (realm_id, user_id, provider)
);
CREATE UNIQUE INDEX federated_identity_person ON federated_identity (realm_id, provider, provider_user_id);

CREATE TABLE consent (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    client_id VARCHAR(36) NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (realm_id, user_id, client_id)
);

-- `offline` is 0 for sessions that live with the browser, 1 for offline sessions.
CREATE TABLE user_session (
    realm_id VARCHAR(36) NOT NULL,
    offline SMALLINT NOT NULL,
    id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    started_at BIGINT NOT NULL,
    last_refresh BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    remember_me SMALLINT NOT NULL,
    ip_address VARCHAR(64) NOT NULL,
    auth_method VARCHAR(64) NOT NULL,
    base_path VARCHAR(255) NOT NULL,
    notes TEXT NOT NULL,
    PRIMARY KEY (realm_id, offline, id)
);
CREATE INDEX user_session_user ON user_session (realm_id, offline, user_id);
CREATE INDEX user_session_expiry ON user_session (expires_at);

CREATE TABLE client_session (
    realm_id VARCHAR(36) NOT NULL,
    offline SMALLINT NOT NULL,
    session_id VARCHAR(36) NOT NULL,
    client_id VARCHAR(36) NOT NULL,
    started_at BIGINT NOT NULL,
    last_refresh BIGINT NOT NULL,
    refresh_token_id VARCHAR(64),
    refresh_token_uses INTEGER NOT NULL,
    notes TEXT NOT NULL,
    PRIMARY KEY (realm_id, offline, session_id, client_id)
);
CREATE INDEX client_session_client ON client_session (realm_id, offline, client_id);

CREATE TABLE revoked_token (
    realm_id VARCHAR(36) NOT NULL,
    jti VARCHAR(128) NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (realm_id, jti)
);
CREATE INDEX revoked_token_expiry ON revoked_token (expires_at);

-- Things that may be used once: assertion ids, codes, one-time passwords. The key is a digest.
CREATE TABLE single_use (
    realm_id VARCHAR(36) NOT NULL,
    use_key VARCHAR(128) NOT NULL,
    value TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (realm_id, use_key)
);
CREATE INDEX single_use_expiry ON single_use (expires_at);

-- `seq` orders events of one millisecond; it grows with time on each node.
CREATE TABLE event (
    realm_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    seq BIGINT NOT NULL,
    time_at BIGINT NOT NULL,
    kind VARCHAR(64) NOT NULL,
    client_id VARCHAR(255),
    user_id VARCHAR(255),
    session_id VARCHAR(36),
    ip_address VARCHAR(64),
    error VARCHAR(255),
    details TEXT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (realm_id, id)
);
CREATE INDEX event_time ON event (realm_id, time_at);
CREATE INDEX event_expiry ON event (expires_at);

CREATE TABLE admin_event (
    realm_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    seq BIGINT NOT NULL,
    time_at BIGINT NOT NULL,
    auth_realm_id VARCHAR(36) NOT NULL,
    auth_client_id VARCHAR(36) NOT NULL,
    auth_user_id VARCHAR(255) NOT NULL,
    ip_address VARCHAR(64) NOT NULL,
    operation VARCHAR(16) NOT NULL,
    resource_type VARCHAR(64) NOT NULL,
    resource_path TEXT,
    representation TEXT,
    error VARCHAR(255),
    details TEXT NOT NULL,
    PRIMARY KEY (realm_id, id)
);
CREATE INDEX admin_event_time ON admin_event (realm_id, time_at);

-- What has to be told to others, written with the change that caused it.
CREATE TABLE outbox (
    id VARCHAR(36) NOT NULL,
    realm_id VARCHAR(36) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    target VARCHAR(255) NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX outbox_next ON outbox (next_at);
CREATE INDEX outbox_realm ON outbox (realm_id);
