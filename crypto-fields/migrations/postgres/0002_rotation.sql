-- How far the values of a field were sealed anew, changed with the values in one transaction.
CREATE TABLE cf_rotation_job (
    field       text    NOT NULL,
    relation    text    NOT NULL,
    running     bigint  NOT NULL CHECK (running IN (0, 1)),
    pass        bigint  NOT NULL,
    cursor      bytea,
    pass_work   bigint  NOT NULL,
    done        bigint  NOT NULL,
    skipped     bigint  NOT NULL,
    failed      bigint  NOT NULL,
    owner       bigint,
    lease_until bigint  NOT NULL,
    started_at  bigint  NOT NULL,
    finished_at bigint,
    PRIMARY KEY (field, relation)
);

-- Rows that could not be sealed anew. What is in them is not here.
CREATE TABLE cf_quarantine (
    field    text   NOT NULL,
    relation text   NOT NULL,
    row_key  bytea  NOT NULL,
    kid      bigint,
    class    text   NOT NULL,
    at       bigint NOT NULL,
    PRIMARY KEY (field, relation, row_key)
);
