-- Registers, as the events that made them, in their order; nothing is overwritten or removed.

CREATE TABLE privacy_register (
    tenant   text   NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    register text   NOT NULL,
    id       text   NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    number   bigint NOT NULL CHECK (number >= 1),
    at       bigint NOT NULL,
    body     text   NOT NULL,
    PRIMARY KEY (tenant, register, id, number)
);

CREATE TRIGGER privacy_register_stays BEFORE UPDATE OR DELETE ON privacy_register
    FOR EACH ROW EXECUTE FUNCTION privacy_refuse('what happened stays');
CREATE TRIGGER privacy_register_is_kept BEFORE TRUNCATE ON privacy_register
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_refuse('what happened stays');

-- Whose history of preferences one is, by keyed tokens of identifiers. Without these rows nobody can
-- tell: they go when a history is no longer needed as evidence.
CREATE TABLE privacy_preference_person (
    tenant text NOT NULL,
    token  text NOT NULL CHECK (length(token) >= 32),
    kind   text NOT NULL,
    id     text NOT NULL CHECK (length(id) = 36),
    PRIMARY KEY (tenant, token, id)
);
CREATE INDEX privacy_preference_history ON privacy_preference_person (tenant, id);
