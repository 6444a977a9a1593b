-- The place of a client's part in a session in the realm's token status lists. `status` is 1 once no token of it is good
-- any more. A row goes when the last token that names its place has expired; then the place may be given again.

CREATE TABLE status_index (
    realm_id VARCHAR(36) NOT NULL,
    list INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    session_id VARCHAR(36) NOT NULL,
    client_id VARCHAR(255) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    status SMALLINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (realm_id, list, idx)
);
CREATE INDEX status_index_part ON status_index (realm_id, session_id, client_id);
CREATE INDEX status_index_set ON status_index (realm_id, list, status);
CREATE INDEX status_index_user ON status_index (realm_id, user_id);
CREATE INDEX status_index_expiry ON status_index (expires_at);
