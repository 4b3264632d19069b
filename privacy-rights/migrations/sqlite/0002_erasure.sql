-- Erasures, step by step. They name nobody: whom one is about lies sealed under a key of its own.

CREATE TABLE privacy_erasure (
    request     TEXT PRIMARY KEY CHECK (length(request) = 36),
    tenant      TEXT NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    state       TEXT NOT NULL CHECK (state IN ('running', 'partial', 'deferred', 'done')),
    body        TEXT NOT NULL,
    certificate TEXT
) STRICT;
CREATE INDEX privacy_erasure_open ON privacy_erasure (tenant, request) WHERE state <> 'done';

CREATE TABLE privacy_erasure_step (
    request  TEXT    NOT NULL REFERENCES privacy_erasure (request),
    number   INTEGER NOT NULL CHECK (number >= 0),
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('pending', 'failed', 'deferred', 'done')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    outcome  TEXT    NOT NULL,
    PRIMARY KEY (request, number)
) STRICT, WITHOUT ROWID;

-- Who is being erased, by keyed tokens of each identifier: one erasure of a person at a time.
CREATE TABLE privacy_lease (
    tenant  TEXT NOT NULL,
    token   TEXT NOT NULL CHECK (length(token) >= 32),
    request TEXT NOT NULL REFERENCES privacy_erasure (request),
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;

-- Who was erased, by the same tokens.
CREATE TABLE privacy_suppression (
    tenant  TEXT NOT NULL,
    token   TEXT NOT NULL CHECK (length(token) >= 32),
    request TEXT NOT NULL,
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;
