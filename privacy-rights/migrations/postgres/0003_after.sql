-- What follows an erasure: backups that are gone, a second look, identities that are forgotten; and
-- bundles that are handed out.

CREATE TABLE privacy_backup (
    tenant     text    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    id         text    NOT NULL CHECK (length(id) > 0),
    taken_at   bigint NOT NULL,
    expires_at bigint NOT NULL CHECK (expires_at >= taken_at),
    gone_at    bigint CHECK (gone_at >= taken_at),
    PRIMARY KEY (tenant, id)
);

-- When it was looked at again, part 2 of the certificate as it was recorded and as it was signed,
-- when it was forgotten whom it was about. Settled: nothing of this is left to be done.
ALTER TABLE privacy_erasure ADD COLUMN looked_at bigint;
ALTER TABLE privacy_erasure ADD COLUMN part_two text;
ALTER TABLE privacy_erasure ADD COLUMN part_two_signed text;
ALTER TABLE privacy_erasure ADD COLUMN forgotten_at bigint;
ALTER TABLE privacy_erasure ADD COLUMN settled bigint NOT NULL DEFAULT 0 CHECK (settled IN (0, 1));
DROP INDEX privacy_erasure_open;
CREATE INDEX privacy_erasure_open ON privacy_erasure (tenant, request) WHERE settled = 0;

-- Whose turn it is: whoever takes a lease or begins an export of a person puts the person's tokens
-- here and removes them again in the same transaction. Nothing is ever seen in it.
CREATE TABLE privacy_turn (
    tenant text NOT NULL,
    token  text NOT NULL CHECK (length(token) >= 32),
    PRIMARY KEY (tenant, token)
);

-- Bundles from the beginning of their export until their files are gone. Of what lets a person have
-- one only keyed hashes are here.
CREATE TABLE privacy_bundle (
    id         text    PRIMARY KEY CHECK (length(id) = 36),
    tenant     text    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    request    text    NOT NULL CHECK (length(request) = 36),
    state      text    NOT NULL CHECK (state IN ('making', 'ready', 'doomed')),
    begun_at   bigint NOT NULL,
    expires_at bigint,
    lookup     text    UNIQUE,
    hash       text,
    CHECK (state <> 'ready' OR (expires_at IS NOT NULL AND lookup IS NOT NULL AND hash IS NOT NULL))
);
CREATE INDEX privacy_bundle_of_tenant ON privacy_bundle (tenant, id);

-- Whose bundles they are, by the tokens of the leases.
CREATE TABLE privacy_bundle_person (
    tenant text NOT NULL,
    token  text NOT NULL CHECK (length(token) >= 32),
    bundle text NOT NULL REFERENCES privacy_bundle (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, token, bundle)
);
CREATE INDEX privacy_bundle_person_bundle ON privacy_bundle_person (bundle);
