-- How far the values of a field were sealed anew, changed with the values in one transaction.
CREATE TABLE cf_rotation_job (
    field       TEXT    NOT NULL,
    relation    TEXT    NOT NULL,
    running     INTEGER NOT NULL CHECK (running IN (0, 1)),
    pass        INTEGER NOT NULL,
    cursor      BLOB,
    pass_work   INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    owner       INTEGER,
    lease_until INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    PRIMARY KEY (field, relation)
) STRICT, WITHOUT ROWID;

-- Rows that could not be sealed anew. What is in them is not here.
CREATE TABLE cf_quarantine (
    field    TEXT    NOT NULL,
    relation TEXT    NOT NULL,
    row_key  BLOB    NOT NULL,
    kid      INTEGER,
    class    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (field, relation, row_key)
) STRICT, WITHOUT ROWID;
