-- Browsers on their way in, one row a tab. The rows of one browser share `root_id`. `revision` grows with each
-- change, so that of two requests that change the same tab one misses.

CREATE TABLE authentication_session (
    realm_id VARCHAR(36) NOT NULL,
    root_id VARCHAR(36) NOT NULL,
    tab_id VARCHAR(36) NOT NULL,
    revision BIGINT NOT NULL,
    client_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255),
    started_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (realm_id, root_id, tab_id)
);
CREATE INDEX authentication_session_expiry ON authentication_session (expires_at);
CREATE INDEX authentication_session_user ON authentication_session (realm_id, user_id);
