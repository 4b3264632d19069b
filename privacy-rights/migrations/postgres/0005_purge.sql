-- Tenants that go, step by step. One that is not done is the lease of its tenant.

CREATE TABLE privacy_purge (
    id     text PRIMARY KEY CHECK (length(id) = 36),
    tenant text NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    state  text NOT NULL CHECK (state IN ('running', 'partial', 'deferred', 'done')),
    body   text NOT NULL
);
CREATE UNIQUE INDEX privacy_purge_lease ON privacy_purge (tenant) WHERE state <> 'done';

CREATE TABLE privacy_purge_step (
    purge    text    NOT NULL REFERENCES privacy_purge (id),
    number   bigint NOT NULL CHECK (number >= 0),
    kind     text    NOT NULL,
    name     text    NOT NULL,
    state    text    NOT NULL CHECK (state IN ('pending', 'failed', 'deferred', 'done')),
    attempts bigint NOT NULL CHECK (attempts >= 0),
    outcome  text    NOT NULL,
    PRIMARY KEY (purge, number)
);
