-- What was taken back before its time: one sequence a realm, numbered by the row of its head. Whoever takes a
-- number holds that row until the commit, so that numbers become visible in order and without a hole.

CREATE TABLE revocation_head (
    realm_id VARCHAR(36) NOT NULL,
    last BIGINT NOT NULL,
    long_until BIGINT NOT NULL,
    PRIMARY KEY (realm_id)
);
INSERT INTO revocation_head (realm_id, last, long_until)
    SELECT id, 0, 0 FROM realm WHERE id NOT IN (SELECT realm_id FROM revocation_head);

CREATE TABLE revocation (
    realm_id VARCHAR(36) NOT NULL,
    seq BIGINT NOT NULL,
    client_id VARCHAR(255),
    user_id VARCHAR(36),
    session_id VARCHAR(36),
    jti VARCHAR(255),
    before_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    time_at BIGINT NOT NULL,
    reason VARCHAR(32) NOT NULL,
    PRIMARY KEY (realm_id, seq)
);
CREATE INDEX revocation_expiry ON revocation (until_at);
