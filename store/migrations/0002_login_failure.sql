-- Failed logins: one row a user somebody guessed at, gone with the next login that succeeds. `revision` grows
-- with each change, so that of two guesses counted at the same time one counts after the other.

CREATE TABLE login_failure (
    realm_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    revision BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    secondary_failures BIGINT NOT NULL,
    temporary_lockouts BIGINT NOT NULL,
    last_failure BIGINT NOT NULL,
    last_ip_address VARCHAR(64) NOT NULL,
    locked_until BIGINT NOT NULL,
    PRIMARY KEY (realm_id, user_id)
);
