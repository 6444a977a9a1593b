-- Tokens with which clients may register themselves. `remaining` is counted down with each client that is made, in the
-- same job. Those without an end have none.

CREATE TABLE client_initial_access (
    realm_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    allowed INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    PRIMARY KEY (realm_id, id)
);
CREATE INDEX client_initial_access_expiry ON client_initial_access (expires_at);
