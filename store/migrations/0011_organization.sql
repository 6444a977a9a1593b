-- Organizations. `body` is Keycloak's representation without members, identity providers and groups;
-- domains and attributes have rows besides: a domain belongs to one organization of a realm, and both are
-- looked for. `name_lower` is what a search looks through.
-- Members know the user's name, so that a page of a hundred thousand is read in order from an index.

CREATE TABLE organization (
    realm_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    name VARCHAR(255) NOT NULL,
    name_lower VARCHAR(510) NOT NULL,
    alias VARCHAR(255) NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (realm_id, id)
);
CREATE UNIQUE INDEX organization_name ON organization (realm_id, name);
CREATE UNIQUE INDEX organization_alias ON organization (realm_id, alias);

CREATE TABLE organization_domain (
    realm_id VARCHAR(36) NOT NULL,
    name VARCHAR(255) NOT NULL,
    organization_id VARCHAR(36) NOT NULL,
    PRIMARY KEY (realm_id, name)
);
CREATE INDEX organization_domain_of ON organization_domain (realm_id, organization_id);

-- A text of any length is found by its hash.
CREATE TABLE organization_attribute (
    realm_id VARCHAR(36) NOT NULL,
    organization_id VARCHAR(36) NOT NULL,
    name VARCHAR(255) NOT NULL,
    position INTEGER NOT NULL,
    value TEXT NOT NULL,
    value_hash BIGINT NOT NULL,
    PRIMARY KEY (realm_id, organization_id, name, position)
);
CREATE INDEX organization_attribute_value ON organization_attribute (realm_id, name, value_hash);

-- `managed` is 1 for users who came to be by the organization's identity provider.
CREATE TABLE organization_member (
    realm_id VARCHAR(36) NOT NULL,
    organization_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    username VARCHAR(255) NOT NULL,
    managed SMALLINT NOT NULL,
    PRIMARY KEY (realm_id, organization_id, user_id)
);
CREATE INDEX organization_member_name ON organization_member (realm_id, organization_id, username);
CREATE INDEX organization_member_user ON organization_member (realm_id, user_id);

CREATE TABLE organization_group_member (
    realm_id VARCHAR(36) NOT NULL,
    organization_id VARCHAR(36) NOT NULL,
    group_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    PRIMARY KEY (realm_id, group_id, user_id)
);
CREATE INDEX organization_group_member_of ON organization_group_member (realm_id, organization_id, user_id);
CREATE INDEX organization_group_member_user ON organization_group_member (realm_id, user_id);

-- Who was asked to join. Several may lie there for one address.
CREATE TABLE organization_invitation (
    realm_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    organization_id VARCHAR(36) NOT NULL,
    email VARCHAR(255) NOT NULL,
    email_lower VARCHAR(510) NOT NULL,
    first_name VARCHAR(255),
    first_name_lower VARCHAR(510),
    last_name VARCHAR(255),
    last_name_lower VARCHAR(510),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (realm_id, id)
);
CREATE INDEX organization_invitation_of ON organization_invitation (realm_id, organization_id, id);
CREATE INDEX organization_invitation_email ON organization_invitation (realm_id, organization_id, email_lower);
