-- What realm files say that this release does not act upon: members of users that nobody knows, users of
-- other stores, organizations. Exports give it back. Tickets of imports lie here as well: `changed_at` tells
-- when one was last shown.

CREATE TABLE kept (
    realm_id VARCHAR(36) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    id VARCHAR(255) NOT NULL,
    changed_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (realm_id, kind, id)
);
CREATE INDEX kept_kind ON kept (kind, changed_at);
