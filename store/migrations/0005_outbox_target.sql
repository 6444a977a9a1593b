-- What is due is read target by target, so that a target with many messages does not hide the others.

CREATE INDEX outbox_target ON outbox (target, next_at);
