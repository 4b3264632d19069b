-- Requests of data subjects. Names carry the prefix privacy_ because they live beside the host's.
-- Times are microseconds since 1970 in UTC.

-- A projection of the events, and what is no event: the sealed identity, the state of a code.
CREATE TABLE privacy_request (
    id         TEXT    PRIMARY KEY CHECK (length(id) = 36),
    tenant     TEXT    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    is_open    INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    version    INTEGER NOT NULL CHECK (version >= 1),
    identity   TEXT,
    code       TEXT
) STRICT;
CREATE INDEX privacy_request_open ON privacy_request (tenant, id) WHERE is_open = 1;

-- What happened, in order; the version of a request is the number of its last event.
CREATE TABLE privacy_request_event (
    request TEXT    NOT NULL REFERENCES privacy_request (id),
    version INTEGER NOT NULL CHECK (version >= 1),
    at      INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (request, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER privacy_request_event_stays BEFORE UPDATE ON privacy_request_event
BEGIN SELECT RAISE(ABORT, 'what happened stays'); END;
