-- Tenants that go, step by step. One that is not done is the lease of its tenant.

CREATE TABLE privacy_purge (
    id     TEXT PRIMARY KEY CHECK (length(id) = 36),
    tenant TEXT NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    state  TEXT NOT NULL CHECK (state IN ('running', 'partial', 'deferred', 'done')),
    body   TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX privacy_purge_lease ON privacy_purge (tenant) WHERE state <> 'done';

CREATE TABLE privacy_purge_step (
    purge    TEXT    NOT NULL REFERENCES privacy_purge (id),
    number   INTEGER NOT NULL CHECK (number >= 0),
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('pending', 'failed', 'deferred', 'done')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    outcome  TEXT    NOT NULL,
    PRIMARY KEY (purge, number)
) STRICT, WITHOUT ROWID;
