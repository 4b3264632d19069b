-- The journal's own tables, in a schema of their own: this file runs with that schema first in the
-- search path. Hashes are 32 bytes, refs 16; times are microseconds since 1970 in UTC.
-- Every table carries the tenant, for row-level security. There are no foreign keys to the chain on
-- the tables of the append path: a key-share lock on the head row would make a host's serializable
-- transaction fail whenever somebody appends.

CREATE TABLE journal (
    one    integer PRIMARY KEY CHECK (one = 1),
    format integer NOT NULL CHECK (format = 1),
    name   text    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    key    text    NOT NULL CHECK (length(key) BETWEEN 1 AND 1024)
);

-- The tables of the append path are held to their limits by domains: the conditions of a domain are
-- compiled once for a session, those of a table anew for each statement, which would cost a single
-- append a tenth of its time.
CREATE DOMAIN chain_id AS bigint CHECK (VALUE BETWEEN 1 AND 8388607);
CREATE DOMAIN entry_seq AS bigint CHECK (VALUE BETWEEN 0 AND 1099511627775);
CREATE DOMAIN tree_size AS bigint CHECK (VALUE BETWEEN 0 AND 1099511627776);
CREATE DOMAIN leaf_hash AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN tree_range AS bytea
    CHECK (octet_length(VALUE) % 32 = 0 AND octet_length(VALUE) <= 1312);
CREATE DOMAIN sealed_at AS bigint
    CHECK (VALUE BETWEEN -62167219200000000 AND 253402300799999999);
CREATE DOMAIN chain_name AS text CHECK (length(VALUE) BETWEEN 1 AND 64);
CREATE DOMAIN entry_body AS text CHECK (octet_length(VALUE) BETWEEN 1 AND 65535);

-- The newest state of each chain: a projection of its entries, moved forward with every append.
-- Room is left on its pages so that the head's updates stay heap-only.
CREATE TABLE chain (
    id          bigint     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      chain_name NOT NULL,
    series      chain_name NOT NULL,
    size        tree_size  NOT NULL,
    head        leaf_hash  NOT NULL,
    range       tree_range NOT NULL,
    at          sealed_at  NOT NULL,
    control     entry_seq,
    incarnation bigint     NOT NULL,
    UNIQUE (tenant, series)
) WITH (fillfactor = 10);
ALTER TABLE chain ALTER COLUMN range SET STORAGE PLAIN;

-- The body is the entry's exact canonical bytes, and there is no column beside it that could say
-- something else. The primary key makes a fork a constraint violation.
CREATE TABLE entry (
    chain  chain_id   NOT NULL,
    seq    entry_seq  NOT NULL,
    id     uuid       NOT NULL,
    tenant text       NOT NULL,
    body   entry_body NOT NULL,
    PRIMARY KEY (chain, seq),
    CONSTRAINT entry_id UNIQUE (chain, id)
);

-- One row per entry and data subject: the disclosures in the order of the entry's digests, a JSON
-- array of {"digest","disclosure"} or {"digest","sealed"}.
CREATE TABLE disclosure (
    chain   chain_id  NOT NULL,
    seq     entry_seq NOT NULL,
    subject bytea     NOT NULL CHECK (octet_length(subject) = 16),
    tenant  text      NOT NULL,
    items   text      NOT NULL CHECK (json_typeof(items::json) = 'array'),
    PRIMARY KEY (chain, seq, subject)
);

-- The host's id of a data subject and its random pseudonym. An erasure severs the two for good.
CREATE TABLE subject (
    tenant     text   NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    ref        bytea  NOT NULL CHECK (octet_length(ref) = 16),
    host       text   CHECK (length(host) BETWEEN 1 AND 256),
    erased     bigint,
    erased_seq bigint CHECK (erased_seq >= 0),
    PRIMARY KEY (tenant, ref),
    CONSTRAINT subject_host UNIQUE (tenant, host),
    CHECK ((host IS NULL) = (erased IS NOT NULL))
);

-- Hash tiles of the tree. Of one (chain, level, idx) the widest counts; narrower ones stay.
CREATE TABLE tile (
    chain  bigint  NOT NULL CHECK (chain BETWEEN 1 AND 8388607),
    level  integer NOT NULL CHECK (level BETWEEN 0 AND 5),
    idx    bigint  NOT NULL CHECK (idx BETWEEN 0 AND 4294967295),
    width  integer NOT NULL CHECK (width BETWEEN 1 AND 256),
    tenant text    NOT NULL,
    hashes bytea   NOT NULL CHECK (octet_length(hashes) = width * 32),
    PRIMARY KEY (chain, level, idx, width)
);
-- Hashes do not compress.
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE checkpoint (
    chain       bigint NOT NULL REFERENCES chain (id),
    incarnation bigint NOT NULL CHECK (incarnation >= 1),
    size        bigint NOT NULL CHECK (size BETWEEN 0 AND 1099511627776),
    tenant      text   NOT NULL,
    note        text   NOT NULL CHECK (length(note) BETWEEN 1 AND 65535),
    PRIMARY KEY (chain, incarnation, size)
);

CREATE TABLE cosignature (
    chain       bigint NOT NULL,
    incarnation bigint NOT NULL,
    size        bigint NOT NULL,
    key         text   NOT NULL CHECK (length(key) BETWEEN 1 AND 1024),
    tenant      text   NOT NULL,
    line        text   NOT NULL CHECK (length(line) BETWEEN 1 AND 4096),
    PRIMARY KEY (chain, incarnation, size, key),
    FOREIGN KEY (chain, incarnation, size) REFERENCES checkpoint (chain, incarnation, size)
);

-- Legal holds in force: a projection of the entries that placed them.
CREATE TABLE hold (
    chain       bigint NOT NULL REFERENCES chain (id),
    hold        text   NOT NULL CHECK (length(hold) BETWEEN 1 AND 256),
    seq         bigint NOT NULL CHECK (seq >= 0),
    tenant      text   NOT NULL,
    kind        text   NOT NULL CHECK (kind IN ('chain', 'subject', 'target')),
    subject     bytea  CHECK (octet_length(subject) = 16),
    target_type text,
    target_id   text,
    PRIMARY KEY (chain, hold, seq),
    CHECK ((kind = 'subject') = (subject IS NOT NULL)),
    CHECK ((kind = 'target') = (target_type IS NOT NULL AND target_id IS NOT NULL))
);

-- Events of host transactions that wait for the sequencer. Timed: occurred_at was set by staging.
CREATE TABLE staged (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain       bigint NOT NULL CHECK (chain BETWEEN 1 AND 8388607),
    event_id    uuid   NOT NULL,
    tenant      text   NOT NULL,
    body        text   NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 65000),
    disclosures text   NOT NULL CHECK (json_typeof(disclosures::json) = 'array'),
    timed       boolean NOT NULL,
    staged_at   bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- What has been written stays.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: %', TG_OP, TG_TABLE_NAME,
        coalesce(TG_ARGV[0], 'the table is append-only') USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER journal_kept BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION refuse();

-- After and not before: a trigger before an update locks the row once more, at every append.
CREATE TRIGGER chain_forward AFTER UPDATE ON chain FOR EACH ROW
    WHEN (NOT (NEW.size > OLD.size AND NEW.at >= OLD.at AND NEW.incarnation >= OLD.incarnation
        AND (OLD.control IS NULL OR coalesce(NEW.control >= OLD.control, false))))
    EXECUTE FUNCTION refuse('a chain only moves forward');
-- Of the columns that no append names.
CREATE TRIGGER chain_named BEFORE UPDATE OF id, tenant, series ON chain
    EXECUTE FUNCTION refuse('a chain keeps its name');
CREATE TRIGGER chain_kept BEFORE DELETE ON chain FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER chain_truncate BEFORE TRUNCATE ON chain EXECUTE FUNCTION refuse();

CREATE TRIGGER entry_kept BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER entry_truncate BEFORE TRUNCATE ON entry EXECUTE FUNCTION refuse();

CREATE TRIGGER disclosure_kept BEFORE UPDATE OR DELETE ON disclosure
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER disclosure_truncate BEFORE TRUNCATE ON disclosure EXECUTE FUNCTION refuse();

CREATE TRIGGER subject_severed BEFORE UPDATE ON subject FOR EACH ROW
    WHEN (NOT (OLD.host IS NOT NULL AND NEW.host IS NULL AND NEW.erased IS NOT NULL
        AND NEW.ref = OLD.ref AND NEW.tenant = OLD.tenant))
    EXECUTE FUNCTION refuse('a subject can only be severed');
CREATE TRIGGER subject_kept BEFORE DELETE ON subject FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER subject_truncate BEFORE TRUNCATE ON subject EXECUTE FUNCTION refuse();

CREATE TRIGGER tile_kept BEFORE UPDATE OR DELETE ON tile
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER tile_truncate BEFORE TRUNCATE ON tile EXECUTE FUNCTION refuse();

CREATE TRIGGER checkpoint_kept BEFORE UPDATE OR DELETE ON checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER checkpoint_truncate BEFORE TRUNCATE ON checkpoint EXECUTE FUNCTION refuse();

CREATE TRIGGER cosignature_kept BEFORE UPDATE OR DELETE ON cosignature
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER cosignature_truncate BEFORE TRUNCATE ON cosignature EXECUTE FUNCTION refuse();

CREATE FUNCTION staged_leaves() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM entry WHERE chain = OLD.chain AND id = OLD.event_id) THEN
        RAISE EXCEPTION 'DELETE of staged is refused: a staged event leaves by being sealed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER staged_kept BEFORE UPDATE ON staged FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER staged_leaves BEFORE DELETE ON staged
    FOR EACH ROW EXECUTE FUNCTION staged_leaves();
CREATE TRIGGER staged_truncate BEFORE TRUNCATE ON staged EXECUTE FUNCTION refuse();

-- Called once by a shared transaction, right before the head is touched: true where entries may be
-- sealed in it. Deferred constraints are checked here, while no head is locked.
CREATE FUNCTION ready_to_seal() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');
END $$;

-- The usual columns for people who want plain SQL. The journal itself never reads it.
CREATE VIEW event AS
SELECT chain.tenant,
    chain.series,
    entry.seq,
    (entry.body::json ->> 'at')::timestamptz AS at,
    entry.id,
    parsed.event ->> 'action' AS action,
    parsed.event #>> '{actor,type}' AS actor_type,
    parsed.event #>> '{actor,id}' AS actor_id,
    parsed.event #>> '{on_behalf_of,type}' AS on_behalf_of_type,
    parsed.event #>> '{on_behalf_of,id}' AS on_behalf_of_id,
    parsed.event ->> 'outcome' AS outcome,
    (parsed.event ->> 'occurred_at')::timestamptz AS occurred_at,
    parsed.event -> 'targets' AS targets,
    parsed.event -> 'changes' AS changes,
    parsed.event -> 'context' AS context,
    parsed.event -> 'meta' AS meta,
    entry.body
FROM entry
JOIN chain ON chain.id = entry.chain
CROSS JOIN LATERAL (SELECT entry.body::json -> 'event') AS parsed (event);
