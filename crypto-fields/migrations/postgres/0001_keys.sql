-- Wrapped keys. The keys that wrap them are elsewhere; a destroyed key leaves its row behind.
CREATE TABLE cf_key (
    kid            bigint PRIMARY KEY CHECK (kid <> 0),
    tenant         text   NOT NULL,
    purpose        text   NOT NULL,
    key_group      text   NOT NULL,
    state          text   NOT NULL
        CHECK (state IN ('pending', 'primary', 'decrypt-only', 'disabled', 'destroyed')),
    created_at     bigint NOT NULL,
    state_since    bigint NOT NULL,
    compromised_at bigint,
    key_check      bytea  NOT NULL CHECK (octet_length(key_check) = 8),
    parent         text,
    -- No key of 32 bytes in the clear is as long as this.
    wrapped        bytea  CHECK (octet_length(wrapped) >= 40),
    census_at      bigint,
    census_fields  bigint,
    reference      text,
    CHECK ((state = 'destroyed') = (wrapped IS NULL)),
    CHECK ((wrapped IS NULL) = (parent IS NULL))
);

CREATE UNIQUE INDEX cf_key_one_primary
    ON cf_key (tenant, purpose, key_group) WHERE state = 'primary';

CREATE FUNCTION cf_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER cf_key_tombstone BEFORE UPDATE ON cf_key
    FOR EACH ROW WHEN (OLD.state = 'destroyed')
    EXECUTE FUNCTION cf_refuse('a destroyed key stays destroyed');

CREATE TRIGGER cf_key_stays BEFORE DELETE ON cf_key
    FOR EACH ROW EXECUTE FUNCTION cf_refuse('keys are destroyed, not deleted');

-- The keys of data subjects, wrapped under the keys of epochs.
CREATE TABLE cf_subject_key (
    kid          bigint PRIMARY KEY CHECK (kid <> 0),
    tenant       text   NOT NULL,
    subject      text   NOT NULL,
    purpose      text   NOT NULL,
    created_at   bigint NOT NULL,
    key_check    bytea  NOT NULL CHECK (octet_length(key_check) = 8),
    parent       text,
    wrapped      bytea  CHECK (octet_length(wrapped) >= 40),
    destroyed_at bigint,
    UNIQUE (tenant, subject, purpose),
    CHECK ((destroyed_at IS NULL) = (wrapped IS NOT NULL)),
    CHECK ((wrapped IS NULL) = (parent IS NULL))
);

CREATE INDEX cf_subject_key_parent ON cf_subject_key (parent, kid) WHERE parent IS NOT NULL;

CREATE TRIGGER cf_subject_key_tombstone BEFORE UPDATE ON cf_subject_key
    FOR EACH ROW WHEN (OLD.destroyed_at IS NOT NULL)
    EXECUTE FUNCTION cf_refuse('a destroyed key stays destroyed');

CREATE TRIGGER cf_subject_key_stays BEFORE DELETE ON cf_subject_key
    FOR EACH ROW EXECUTE FUNCTION cf_refuse('keys are destroyed, not deleted');
