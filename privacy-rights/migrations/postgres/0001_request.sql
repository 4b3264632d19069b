-- Requests of data subjects. Names carry the prefix privacy_ because they live beside the host's.
-- Times are microseconds since 1970 in UTC.

-- A projection of the events, and what is no event: the sealed identity, the state of a code.
CREATE TABLE privacy_request (
    id         text   PRIMARY KEY CHECK (length(id) = 36),
    tenant     text   NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    kind       text   NOT NULL,
    state      text   NOT NULL,
    is_open    bigint NOT NULL CHECK (is_open IN (0, 1)),
    version    bigint NOT NULL CHECK (version >= 1),
    identity   text,
    code       text
);
CREATE INDEX privacy_request_open ON privacy_request (tenant, id) WHERE is_open = 1;

-- What happened, in order; the version of a request is the number of its last event.
CREATE TABLE privacy_request_event (
    request text   NOT NULL REFERENCES privacy_request (id),
    version bigint NOT NULL CHECK (version >= 1),
    at      bigint NOT NULL,
    body    text   NOT NULL,
    PRIMARY KEY (request, version)
);

CREATE FUNCTION privacy_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER privacy_request_event_stays BEFORE UPDATE ON privacy_request_event
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse('what happened stays');
