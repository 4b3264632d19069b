-- The journal's own tables. Names carry the prefix audit_ because they live beside the host's.
-- Hashes are 32 bytes, refs and event ids 16; times are microseconds since 1970 in UTC.

CREATE TABLE audit_journal (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    format INTEGER NOT NULL CHECK (format = 1),
    name   TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    key    TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 1024)
) STRICT;

-- The newest state of each chain: a projection of its entries, moved forward with every append.
CREATE TABLE audit_chain (
    id          INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 8388607),
    tenant      TEXT    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    series      TEXT    NOT NULL CHECK (length(series) BETWEEN 1 AND 64),
    size        INTEGER NOT NULL CHECK (size BETWEEN 0 AND 1099511627776),
    head        BLOB    NOT NULL CHECK (length(head) = 32),
    range       BLOB    NOT NULL CHECK (length(range) % 32 = 0 AND length(range) <= 1312),
    at          INTEGER NOT NULL CHECK (at BETWEEN -62167219200000000 AND 253402300799999999),
    control     INTEGER CHECK (control BETWEEN 0 AND size - 1),
    incarnation INTEGER NOT NULL CHECK (incarnation >= 1),
    UNIQUE (tenant, series)
) STRICT;

-- position = chain << 40 | seq: one clustered integer key, so that a chain's entries lie together in
-- order and a fork is a primary-key violation. The body is the entry's exact canonical bytes, and
-- there is no column beside it that could say something else.
CREATE TABLE audit_entry (
    position INTEGER PRIMARY KEY CHECK (position >= 1099511627776),
    id       BLOB NOT NULL CHECK (length(id) = 16),
    body     TEXT NOT NULL CHECK (length(CAST(body AS BLOB)) BETWEEN 1 AND 65535)
) STRICT;
CREATE UNIQUE INDEX audit_entry_id ON audit_entry (id, position >> 40);

-- One row per entry and data subject: the disclosures in the order of the entry's digests, a JSON
-- array of {"digest","disclosure"} or {"digest","sealed"}. Clustered by position, so that appends
-- stay sequential.
CREATE TABLE audit_disclosure (
    position INTEGER NOT NULL CHECK (position >= 1099511627776),
    subject  BLOB    NOT NULL CHECK (length(subject) = 16),
    items    TEXT    NOT NULL CHECK (json_valid(items) AND json_type(items) = 'array'),
    PRIMARY KEY (position, subject)
) STRICT, WITHOUT ROWID;

-- The host's id of a data subject and its random pseudonym. An erasure severs the two for good.
CREATE TABLE audit_subject (
    tenant      TEXT NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    ref         BLOB NOT NULL CHECK (length(ref) = 16),
    host        TEXT CHECK (length(host) BETWEEN 1 AND 256),
    erased      INTEGER,
    erased_seq  INTEGER CHECK (erased_seq >= 0),
    PRIMARY KEY (tenant, ref),
    CHECK ((host IS NULL) = (erased IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX audit_subject_host ON audit_subject (tenant, host) WHERE host IS NOT NULL;

-- Hash tiles of the tree. Of one (chain, level, idx) the widest counts; narrower ones stay.
CREATE TABLE audit_tile (
    chain  INTEGER NOT NULL REFERENCES audit_chain (id),
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 5),
    idx    INTEGER NOT NULL CHECK (idx BETWEEN 0 AND 4294967295),
    width  INTEGER NOT NULL CHECK (width BETWEEN 1 AND 256),
    hashes BLOB    NOT NULL CHECK (length(hashes) = width * 32),
    PRIMARY KEY (chain, level, idx, width)
) STRICT;

CREATE TABLE audit_checkpoint (
    chain       INTEGER NOT NULL REFERENCES audit_chain (id),
    incarnation INTEGER NOT NULL CHECK (incarnation >= 1),
    size        INTEGER NOT NULL CHECK (size BETWEEN 0 AND 1099511627776),
    note        TEXT    NOT NULL CHECK (length(note) BETWEEN 1 AND 65535),
    PRIMARY KEY (chain, incarnation, size)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_cosignature (
    chain       INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    key         TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 1024),
    line        TEXT    NOT NULL CHECK (length(line) BETWEEN 1 AND 4096),
    PRIMARY KEY (chain, incarnation, size, key),
    FOREIGN KEY (chain, incarnation, size) REFERENCES audit_checkpoint (chain, incarnation, size)
) STRICT, WITHOUT ROWID;

-- Legal holds in force: a projection of the entries that placed them.
CREATE TABLE audit_hold (
    chain       INTEGER NOT NULL REFERENCES audit_chain (id),
    hold        TEXT    NOT NULL CHECK (length(hold) BETWEEN 1 AND 256),
    seq         INTEGER NOT NULL CHECK (seq >= 0),
    kind        TEXT    NOT NULL CHECK (kind IN ('chain', 'subject', 'target')),
    subject     BLOB CHECK (length(subject) = 16),
    target_type TEXT,
    target_id   TEXT,
    PRIMARY KEY (chain, hold, seq),
    CHECK ((kind = 'subject') = (subject IS NOT NULL)),
    CHECK ((kind = 'target') = (target_type IS NOT NULL AND target_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Events of host transactions that wait for the sequencer. Timed: occurred_at was set by staging.
CREATE TABLE audit_staged (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    chain       INTEGER NOT NULL CHECK (chain BETWEEN 1 AND 8388607),
    event_id    BLOB    NOT NULL CHECK (length(event_id) = 16),
    body        TEXT    NOT NULL CHECK (length(CAST(body AS BLOB)) BETWEEN 1 AND 65000),
    disclosures TEXT    NOT NULL CHECK (json_valid(disclosures) AND json_type(disclosures) = 'array'),
    timed       INTEGER NOT NULL CHECK (timed IN (0, 1)),
    staged_at   INTEGER NOT NULL
) STRICT;

-- What has been written stays. INSERT OR REPLACE deletes without firing a DELETE trigger, so the
-- tables where that matters refuse an INSERT onto a key that is there.

CREATE TRIGGER audit_journal_update BEFORE UPDATE ON audit_journal
BEGIN SELECT RAISE(ABORT, 'audit_journal is append-only'); END;
CREATE TRIGGER audit_journal_delete BEFORE DELETE ON audit_journal
BEGIN SELECT RAISE(ABORT, 'audit_journal is append-only'); END;
CREATE TRIGGER audit_journal_replace BEFORE INSERT ON audit_journal
WHEN EXISTS (SELECT 1 FROM audit_journal)
BEGIN SELECT RAISE(ABORT, 'audit_journal is append-only'); END;

CREATE TRIGGER audit_chain_update BEFORE UPDATE ON audit_chain
WHEN NOT (NEW.size > OLD.size AND NEW.at >= OLD.at AND NEW.incarnation >= OLD.incarnation
    AND (OLD.control IS NULL OR NEW.control >= OLD.control)
    AND NEW.id = OLD.id AND NEW.tenant = OLD.tenant AND NEW.series = OLD.series)
BEGIN SELECT RAISE(ABORT, 'audit_chain only moves forward'); END;
CREATE TRIGGER audit_chain_delete BEFORE DELETE ON audit_chain
BEGIN SELECT RAISE(ABORT, 'audit_chain only moves forward'); END;
CREATE TRIGGER audit_chain_replace BEFORE INSERT ON audit_chain
WHEN EXISTS (SELECT 1 FROM audit_chain WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM audit_chain WHERE tenant = NEW.tenant AND series = NEW.series)
BEGIN SELECT RAISE(ABORT, 'audit_chain only moves forward'); END;

CREATE TRIGGER audit_entry_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_entry_delete BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_entry_replace BEFORE INSERT ON audit_entry
WHEN EXISTS (SELECT 1 FROM audit_entry WHERE position = NEW.position)
    OR EXISTS (SELECT 1 FROM audit_entry WHERE id = NEW.id AND position >> 40 = NEW.position >> 40)
BEGIN SELECT RAISE(ABORT, 'audit_entry: position or id stands already'); END;

CREATE TRIGGER audit_disclosure_update BEFORE UPDATE ON audit_disclosure
BEGIN SELECT RAISE(ABORT, 'audit_disclosure is append-only'); END;
CREATE TRIGGER audit_disclosure_delete BEFORE DELETE ON audit_disclosure
BEGIN SELECT RAISE(ABORT, 'audit_disclosure is append-only'); END;
CREATE TRIGGER audit_disclosure_replace BEFORE INSERT ON audit_disclosure
WHEN EXISTS (SELECT 1 FROM audit_disclosure WHERE position = NEW.position AND subject = NEW.subject)
BEGIN SELECT RAISE(ABORT, 'audit_disclosure is append-only'); END;

CREATE TRIGGER audit_subject_update BEFORE UPDATE ON audit_subject
WHEN NOT (OLD.host IS NOT NULL AND NEW.host IS NULL AND NEW.erased IS NOT NULL
    AND NEW.ref = OLD.ref AND NEW.tenant = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'audit_subject can only be severed'); END;
CREATE TRIGGER audit_subject_delete BEFORE DELETE ON audit_subject
BEGIN SELECT RAISE(ABORT, 'audit_subject can only be severed'); END;
CREATE TRIGGER audit_subject_replace BEFORE INSERT ON audit_subject
WHEN EXISTS (SELECT 1 FROM audit_subject WHERE tenant = NEW.tenant AND ref = NEW.ref)
    OR EXISTS (SELECT 1 FROM audit_subject WHERE tenant = NEW.tenant AND host = NEW.host)
BEGIN SELECT RAISE(ABORT, 'audit_subject can only be severed'); END;

CREATE TRIGGER audit_tile_update BEFORE UPDATE ON audit_tile
BEGIN SELECT RAISE(ABORT, 'audit_tile is append-only'); END;
CREATE TRIGGER audit_tile_delete BEFORE DELETE ON audit_tile
BEGIN SELECT RAISE(ABORT, 'audit_tile is append-only'); END;
CREATE TRIGGER audit_tile_replace BEFORE INSERT ON audit_tile
WHEN EXISTS (SELECT 1 FROM audit_tile
    WHERE chain = NEW.chain AND level = NEW.level AND idx = NEW.idx AND width = NEW.width)
BEGIN SELECT RAISE(ABORT, 'audit_tile is append-only'); END;

CREATE TRIGGER audit_checkpoint_update BEFORE UPDATE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END;
CREATE TRIGGER audit_checkpoint_delete BEFORE DELETE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END;
CREATE TRIGGER audit_checkpoint_replace BEFORE INSERT ON audit_checkpoint
WHEN EXISTS (SELECT 1 FROM audit_checkpoint
    WHERE chain = NEW.chain AND incarnation = NEW.incarnation AND size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END;

CREATE TRIGGER audit_cosignature_update BEFORE UPDATE ON audit_cosignature
BEGIN SELECT RAISE(ABORT, 'audit_cosignature is append-only'); END;
CREATE TRIGGER audit_cosignature_delete BEFORE DELETE ON audit_cosignature
BEGIN SELECT RAISE(ABORT, 'audit_cosignature is append-only'); END;
CREATE TRIGGER audit_cosignature_replace BEFORE INSERT ON audit_cosignature
WHEN EXISTS (SELECT 1 FROM audit_cosignature WHERE chain = NEW.chain
    AND incarnation = NEW.incarnation AND size = NEW.size AND key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'audit_cosignature is append-only'); END;

CREATE TRIGGER audit_staged_update BEFORE UPDATE ON audit_staged
BEGIN SELECT RAISE(ABORT, 'audit_staged leaves by being sealed'); END;
CREATE TRIGGER audit_staged_delete BEFORE DELETE ON audit_staged
WHEN NOT EXISTS (SELECT 1 FROM audit_entry WHERE id = OLD.event_id AND position >> 40 = OLD.chain)
BEGIN SELECT RAISE(ABORT, 'audit_staged leaves by being sealed'); END;
CREATE TRIGGER audit_staged_replace BEFORE INSERT ON audit_staged
WHEN EXISTS (SELECT 1 FROM audit_staged WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'audit_staged leaves by being sealed'); END;

-- One entry onto a head that is as expected, as one statement: the cheapest way to append a single
-- event, since every further call costs two changes of threads. It holds no rows of its own.
CREATE VIEW audit_append AS
SELECT 0 AS chain, 0 AS size, x'' AS head, x'' AS new_head, x'' AS range, 0 AS at, 0 AS control,
    0 AS position, x'' AS id, '' AS body
WHERE 0;
CREATE TRIGGER audit_append_insert INSTEAD OF INSERT ON audit_append
BEGIN
    UPDATE audit_chain
    SET size = NEW.size + 1, head = NEW.new_head, range = NEW.range, at = NEW.at,
        control = NEW.control
    WHERE id = NEW.chain AND size = NEW.size AND head = NEW.head;
    SELECT RAISE(ABORT, 'audit_append: the head has moved') WHERE changes() = 0;
    INSERT INTO audit_entry (position, id, body) VALUES (NEW.position, NEW.id, NEW.body);
END;

-- The usual columns for people who want plain SQL. The journal itself never reads it.
CREATE VIEW audit_event AS
SELECT chain.tenant,
    chain.series,
    entry.position & 1099511627775 AS seq,
    entry.body ->> '$.at' AS at,
    entry.body ->> '$.event.id' AS id,
    entry.body ->> '$.event.action' AS action,
    entry.body ->> '$.event.actor.type' AS actor_type,
    entry.body ->> '$.event.actor.id' AS actor_id,
    entry.body ->> '$.event.on_behalf_of.type' AS on_behalf_of_type,
    entry.body ->> '$.event.on_behalf_of.id' AS on_behalf_of_id,
    entry.body ->> '$.event.outcome' AS outcome,
    entry.body ->> '$.event.occurred_at' AS occurred_at,
    entry.body -> '$.event.targets' AS targets,
    entry.body -> '$.event.changes' AS changes,
    entry.body -> '$.event.context' AS context,
    entry.body -> '$.event.meta' AS meta,
    entry.body
FROM audit_entry AS entry
JOIN audit_chain AS chain ON chain.id = entry.position >> 40;
