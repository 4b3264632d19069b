-- Wrapped keys. The keys that wrap them are elsewhere; a destroyed key leaves its row behind.
CREATE TABLE cf_key (
    kid            INTEGER PRIMARY KEY CHECK (kid <> 0),
    tenant         TEXT    NOT NULL,
    purpose        TEXT    NOT NULL,
    key_group      TEXT    NOT NULL,
    state          TEXT    NOT NULL
        CHECK (state IN ('pending', 'primary', 'decrypt-only', 'disabled', 'destroyed')),
    created_at     INTEGER NOT NULL,
    state_since    INTEGER NOT NULL,
    compromised_at INTEGER,
    key_check      BLOB    NOT NULL CHECK (length(key_check) = 8),
    parent         TEXT,
    -- No key of 32 bytes in the clear is as long as this.
    wrapped        BLOB    CHECK (length(wrapped) >= 40),
    census_at      INTEGER,
    census_fields  INTEGER,
    reference      TEXT,
    CHECK ((state = 'destroyed') = (wrapped IS NULL)),
    CHECK ((wrapped IS NULL) = (parent IS NULL))
) STRICT;

CREATE UNIQUE INDEX cf_key_one_primary
    ON cf_key (tenant, purpose, key_group) WHERE state = 'primary';

CREATE TRIGGER cf_key_tombstone BEFORE UPDATE ON cf_key WHEN OLD.state = 'destroyed'
BEGIN SELECT RAISE(ABORT, 'a destroyed key stays destroyed'); END;

CREATE TRIGGER cf_key_stays BEFORE DELETE ON cf_key
BEGIN SELECT RAISE(ABORT, 'keys are destroyed, not deleted'); END;

-- The keys of data subjects, wrapped under the keys of epochs.
CREATE TABLE cf_subject_key (
    kid          INTEGER PRIMARY KEY CHECK (kid <> 0),
    tenant       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    purpose      TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    key_check    BLOB    NOT NULL CHECK (length(key_check) = 8),
    parent       TEXT,
    wrapped      BLOB    CHECK (length(wrapped) >= 40),
    destroyed_at INTEGER,
    UNIQUE (tenant, subject, purpose),
    CHECK ((destroyed_at IS NULL) = (wrapped IS NOT NULL)),
    CHECK ((wrapped IS NULL) = (parent IS NULL))
) STRICT;

CREATE INDEX cf_subject_key_parent ON cf_subject_key (parent, kid) WHERE parent IS NOT NULL;

CREATE TRIGGER cf_subject_key_tombstone
BEFORE UPDATE ON cf_subject_key WHEN OLD.destroyed_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a destroyed key stays destroyed'); END;

CREATE TRIGGER cf_subject_key_stays BEFORE DELETE ON cf_subject_key
BEGIN SELECT RAISE(ABORT, 'keys are destroyed, not deleted'); END;
