-- Legal holds: what they keep, and what an erasure leaves for later because of them.

-- A person was erased while a hold kept private fields of theirs on this chain. They go when the last
-- hold on them is released, on the ground and for the request that are noted here.
CREATE TABLE audit_deferred (
    chain   INTEGER NOT NULL REFERENCES audit_chain (id),
    subject BLOB    NOT NULL CHECK (length(subject) = 16),
    ground  TEXT    NOT NULL CHECK (length(ground) BETWEEN 1 AND 65000),
    request TEXT    NOT NULL CHECK (length(request) BETWEEN 1 AND 65000),
    PRIMARY KEY (chain, subject)
) STRICT, WITHOUT ROWID;

-- Keys that nothing is to be opened with any more, until they are seen to be destroyed: of an erased
-- person, or the one under which held fields of such a person were kept.
CREATE TABLE audit_condemned (
    tenant  TEXT    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    subject BLOB    NOT NULL CHECK (length(subject) = 16),
    custody INTEGER NOT NULL CHECK (custody IN (0, 1)),
    PRIMARY KEY (tenant, subject, custody)
) STRICT, WITHOUT ROWID;

-- What the newest reserved entry of a chain says: the one that a deletion in the same transaction
-- stands on.
CREATE VIEW audit_newest_reserved AS
SELECT chain.id AS chain, chain.tenant AS tenant, entry.body -> '$.event' AS said
FROM audit_chain AS chain JOIN audit_entry AS entry ON entry.position = chain.id << 40 | chain.control;

-- Which entry is kept by which hold.
CREATE VIEW audit_held AS
SELECT entry.position AS position, hold.hold AS hold
FROM audit_entry AS entry JOIN audit_hold AS hold ON hold.chain = entry.position >> 40
WHERE CASE hold.kind
    WHEN 'chain' THEN 1
    WHEN 'subject' THEN
        json_type(entry.body, '$.event.private."' || lower(hex(hold.subject)) || '"') IS NOT NULL
    ELSE EXISTS (SELECT 1 FROM json_each(entry.body, '$.event.targets') AS target
        WHERE target.value ->> 'id' = hold.target_id AND target.value ->> 'type' = hold.target_type)
    END;

-- A hold stands on an entry that placed it, and goes with the one that releases it.
CREATE TRIGGER audit_hold_insert BEFORE INSERT ON audit_hold
WHEN NOT EXISTS (SELECT 1 FROM audit_entry AS entry WHERE entry.position = NEW.chain << 40 | NEW.seq
        AND entry.body ->> '$.event.action' = 'journal.hold_placed'
        AND entry.body ->> '$.event.meta.hold' = NEW.hold)
    OR EXISTS (SELECT 1 FROM audit_hold
        WHERE chain = NEW.chain AND hold = NEW.hold AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'audit_hold: no entry of the chain says so'); END;
CREATE TRIGGER audit_hold_update BEFORE UPDATE ON audit_hold
BEGIN SELECT RAISE(ABORT, 'audit_hold: no entry of the chain says so'); END;
CREATE TRIGGER audit_hold_delete BEFORE DELETE ON audit_hold
WHEN NOT EXISTS (SELECT 1 FROM audit_newest_reserved AS newest WHERE newest.chain = OLD.chain
        AND newest.said ->> '$.action' = 'journal.hold_released'
        AND newest.said ->> '$.meta.hold' = OLD.hold)
BEGIN SELECT RAISE(ABORT, 'audit_hold: no entry of the chain says so'); END;

-- A data subject's private fields leave under the entry that says so, and not while they are held.
DROP TRIGGER audit_disclosure_delete;
CREATE TRIGGER audit_disclosure_delete BEFORE DELETE ON audit_disclosure
WHEN NOT EXISTS (SELECT 1 FROM audit_newest_reserved AS newest
        JOIN audit_subject AS subject
            ON subject.tenant = newest.tenant AND subject.ref = OLD.subject
        WHERE newest.chain = OLD.position >> 40 AND subject.erased IS NOT NULL
            AND newest.said ->> '$.action' = 'journal.subject_erased'
            AND newest.said ->> '$.meta.subject' = lower(hex(OLD.subject))
            AND newest.said ->> '$.meta.through' >= OLD.position & 1099511627775)
    OR EXISTS (SELECT 1 FROM audit_held WHERE position = OLD.position)
BEGIN SELECT RAISE(ABORT, 'audit_disclosure leaves with its subject'); END;

-- Held private fields of an erased person are sealed under another key, and stay what they are.
DROP TRIGGER audit_disclosure_update;
CREATE TRIGGER audit_disclosure_update BEFORE UPDATE ON audit_disclosure
WHEN NEW.position IS NOT OLD.position OR NEW.subject IS NOT OLD.subject
    OR NOT EXISTS (SELECT 1 FROM audit_held WHERE position = OLD.position)
    OR NOT EXISTS (SELECT 1 FROM audit_chain JOIN audit_subject USING (tenant)
        WHERE audit_chain.id = OLD.position >> 40 AND audit_subject.ref = OLD.subject
            AND audit_subject.erased IS NOT NULL)
    OR (SELECT group_concat(value ->> 'digest') FROM json_each(OLD.items))
        IS NOT (SELECT group_concat(value ->> 'digest') FROM json_each(NEW.items))
    OR EXISTS (SELECT 1 FROM json_each(NEW.items) WHERE value ->> 'sealed' IS NULL)
BEGIN SELECT RAISE(ABORT, 'audit_disclosure is append-only'); END;
