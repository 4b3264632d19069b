-- Registers, as the events that made them, in their order; nothing is overwritten or removed.

CREATE TABLE privacy_register (
    tenant   TEXT    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    register TEXT    NOT NULL,
    id       TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    number   INTEGER NOT NULL CHECK (number >= 1),
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (tenant, register, id, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER privacy_register_stays BEFORE UPDATE ON privacy_register
BEGIN SELECT RAISE(ABORT, 'what happened stays'); END;
CREATE TRIGGER privacy_register_is_kept BEFORE DELETE ON privacy_register
BEGIN SELECT RAISE(ABORT, 'what happened stays'); END;

-- Whose history of preferences one is, by keyed tokens of identifiers. Without these rows nobody can
-- tell: they go when a history is no longer needed as evidence.
CREATE TABLE privacy_preference_person (
    tenant TEXT NOT NULL,
    token  TEXT NOT NULL CHECK (length(token) >= 32),
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL CHECK (length(id) = 36),
    PRIMARY KEY (tenant, token, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX privacy_preference_history ON privacy_preference_person (tenant, id);
