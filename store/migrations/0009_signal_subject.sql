-- Of whom a stream of shared signals tells: a row where somebody has said so, one way or the other. Streams themselves
-- are configuration, and what waits to be told is in the outbox.

CREATE TABLE signal_subject (
    realm_id VARCHAR(36) NOT NULL,
    stream_id VARCHAR(36) NOT NULL,
    user_id VARCHAR(255) NOT NULL,
    included SMALLINT NOT NULL,
    PRIMARY KEY (realm_id, stream_id, user_id)
);
CREATE INDEX signal_subject_user ON signal_subject (realm_id, user_id);
