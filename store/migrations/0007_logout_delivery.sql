-- Who had to be told of a logout, and what became of it: one row for each message of the outbox, written with it,
-- and kept for a while after its end. `payload` is the message of one that was given up, so that it can be told again.

CREATE TABLE logout_delivery (
    id VARCHAR(36) NOT NULL,
    realm_id VARCHAR(36) NOT NULL,
    session_id VARCHAR(36),
    user_id VARCHAR(255),
    client_id VARCHAR(255) NOT NULL,
    channel VARCHAR(64) NOT NULL,
    target VARCHAR(255) NOT NULL,
    address VARCHAR(500) NOT NULL,
    reason VARCHAR(64),
    state VARCHAR(16) NOT NULL,
    status INTEGER,
    attempts INTEGER NOT NULL,
    last_error VARCHAR(500),
    payload TEXT,
    created_at BIGINT NOT NULL,
    next_at BIGINT,
    ended_at BIGINT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX logout_delivery_newest ON logout_delivery (realm_id, created_at);
CREATE INDEX logout_delivery_session ON logout_delivery (realm_id, session_id);
CREATE INDEX logout_delivery_state ON logout_delivery (state, created_at);
CREATE INDEX logout_delivery_expiry ON logout_delivery (expires_at);

-- What ended, a session or one client's part in it, as long as it can be proven: its clients, and how each of them
-- is told, if it is told at all.

CREATE TABLE logout_ending (
    id VARCHAR(36) NOT NULL,
    realm_id VARCHAR(36) NOT NULL,
    session_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    offline SMALLINT NOT NULL,
    whole SMALLINT NOT NULL,
    reason VARCHAR(64) NOT NULL,
    clients TEXT NOT NULL,
    ended_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX logout_ending_session ON logout_ending (realm_id, session_id);
CREATE INDEX logout_ending_newest ON logout_ending (realm_id, ended_at);
CREATE INDEX logout_ending_expiry ON logout_ending (expires_at);
