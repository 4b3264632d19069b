-- How far each chain is signed, so that finding what is due asks no checkpoint: a projection of
-- audit_checkpoint, with the time of the signature.
CREATE TABLE audit_signing (
    chain       INTEGER PRIMARY KEY REFERENCES audit_chain (id),
    incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
    size        INTEGER NOT NULL CHECK (size BETWEEN -1 AND 1099511627776),
    at          INTEGER
) STRICT;

-- How far each sink is served: the last checkpoint it took, and how often it failed since.
CREATE TABLE audit_published (
    chain       INTEGER NOT NULL REFERENCES audit_chain (id),
    sink        TEXT    NOT NULL CHECK (length(sink) BETWEEN 1 AND 255),
    incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
    size        INTEGER NOT NULL CHECK (size BETWEEN -1 AND 1099511627776),
    failures    INTEGER NOT NULL CHECK (failures >= 0),
    failed_at   INTEGER,
    PRIMARY KEY (chain, sink)
) STRICT, WITHOUT ROWID;
