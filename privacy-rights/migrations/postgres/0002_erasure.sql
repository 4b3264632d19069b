-- Erasures, step by step. They name nobody: whom one is about lies sealed under a key of its own.

CREATE TABLE privacy_erasure (
    request     text PRIMARY KEY CHECK (length(request) = 36),
    tenant      text NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    state       text NOT NULL CHECK (state IN ('running', 'partial', 'deferred', 'done')),
    body        text NOT NULL,
    certificate text
);
CREATE INDEX privacy_erasure_open ON privacy_erasure (tenant, request) WHERE state <> 'done';

CREATE TABLE privacy_erasure_step (
    request  text    NOT NULL REFERENCES privacy_erasure (request),
    number   bigint NOT NULL CHECK (number >= 0),
    kind     text    NOT NULL,
    name     text    NOT NULL,
    state    text    NOT NULL CHECK (state IN ('pending', 'failed', 'deferred', 'done')),
    attempts bigint NOT NULL CHECK (attempts >= 0),
    outcome  text    NOT NULL,
    PRIMARY KEY (request, number)
);

-- Who is being erased, by keyed tokens of each identifier: one erasure of a person at a time.
CREATE TABLE privacy_lease (
    tenant  text NOT NULL,
    token   text NOT NULL CHECK (length(token) >= 32),
    request text NOT NULL REFERENCES privacy_erasure (request),
    PRIMARY KEY (tenant, token)
);

-- Who was erased, by the same tokens.
CREATE TABLE privacy_suppression (
    tenant  text NOT NULL,
    token   text NOT NULL CHECK (length(token) >= 32),
    request text NOT NULL,
    PRIMARY KEY (tenant, token)
);
