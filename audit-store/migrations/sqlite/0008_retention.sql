-- Retention: the plans of tenants, and how records leave that are no longer kept.

-- The plan of each tenant, so that a chain made later begins with it. What binds a chain is its own
-- journal.schedule_changed entries.
CREATE TABLE audit_plan (
    tenant TEXT    PRIMARY KEY CHECK (length(tenant) BETWEEN 1 AND 64),
    plan   TEXT    NOT NULL CHECK (length(plan) BETWEEN 1 AND 256),
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where those entries stand; what they say is read from their bytes.
CREATE TABLE audit_schedule (
    chain INTEGER NOT NULL REFERENCES audit_chain (id),
    seq   INTEGER NOT NULL CHECK (seq BETWEEN 0 AND 1099511627775),
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_schedule_insert BEFORE INSERT ON audit_schedule
WHEN NOT EXISTS (SELECT 1 FROM audit_entry WHERE position = NEW.chain << 40 | NEW.seq
        AND body ->> '$.event.action' = 'journal.schedule_changed')
    OR EXISTS (SELECT 1 FROM audit_schedule WHERE chain = NEW.chain AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'audit_schedule: no entry of the chain says so'); END;
CREATE TRIGGER audit_schedule_update BEFORE UPDATE ON audit_schedule
BEGIN SELECT RAISE(ABORT, 'audit_schedule is append-only'); END;
CREATE TRIGGER audit_schedule_delete BEFORE DELETE ON audit_schedule
BEGIN SELECT RAISE(ABORT, 'audit_schedule is append-only'); END;

-- What the pruning of the open transaction lets go: the records from after up to before, but for
-- those in audit_spared. Both say what the newest reserved entry of the chain says, and are gone
-- before the transaction ends: a row refers to a chain that there is not, and may do so only until
-- the commit.
CREATE TABLE audit_permit (
    chain  INTEGER PRIMARY KEY REFERENCES audit_chain (id),
    seq    INTEGER NOT NULL,
    after  INTEGER NOT NULL,
    before INTEGER NOT NULL CHECK (after < before AND before < seq),
    never  INTEGER NOT NULL DEFAULT 0 CHECK (never = 0)
        REFERENCES audit_chain (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE TABLE audit_spared (
    chain INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    PRIMARY KEY (chain, first)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_permit_insert BEFORE INSERT ON audit_permit
WHEN EXISTS (SELECT 1 FROM audit_permit WHERE chain = NEW.chain)
    OR EXISTS (SELECT 1 FROM audit_spared WHERE chain = NEW.chain)
    OR NOT EXISTS (SELECT 1 FROM audit_chain AS chain
        JOIN audit_entry AS entry ON entry.position = chain.id << 40 | chain.control
        WHERE chain.id = NEW.chain AND chain.control = NEW.seq
            AND entry.body ->> '$.event.action' = 'journal.pruned'
            AND entry.body ->> '$.event.meta.after' = NEW.after
            AND entry.body ->> '$.event.meta.before' = NEW.before)
BEGIN SELECT RAISE(ABORT, 'audit_permit: the newest reserved entry of the chain says otherwise'); END;
CREATE TRIGGER audit_permit_inserted AFTER INSERT ON audit_permit
BEGIN
    INSERT INTO audit_spared (chain, first, last)
    SELECT NEW.chain, value ->> 0, value ->> 1
    FROM audit_entry, json_each(body, '$.event.meta.kept') WHERE position = NEW.chain << 40 | NEW.seq;
END;
CREATE TRIGGER audit_permit_update BEFORE UPDATE ON audit_permit
BEGIN SELECT RAISE(ABORT, 'audit_permit stays what it is'); END;
CREATE TRIGGER audit_permit_deleted AFTER DELETE ON audit_permit
BEGIN DELETE FROM audit_spared WHERE chain = OLD.chain; END;
CREATE TRIGGER audit_spared_insert BEFORE INSERT ON audit_spared
WHEN EXISTS (SELECT 1 FROM audit_spared WHERE chain = NEW.chain AND first = NEW.first)
BEGIN SELECT RAISE(ABORT, 'audit_spared stays what it is'); END;
CREATE TRIGGER audit_spared_update BEFORE UPDATE ON audit_spared
BEGIN SELECT RAISE(ABORT, 'audit_spared stays what it is'); END;
CREATE TRIGGER audit_spared_delete BEFORE DELETE ON audit_spared
WHEN EXISTS (SELECT 1 FROM audit_permit WHERE chain = OLD.chain)
BEGIN SELECT RAISE(ABORT, 'audit_spared stays what it is'); END;

-- A record leaves under a pruning, unless it is reserved, spared or held. An event's action is the
-- first of its members, and nothing before the event can look like its key. A plain id that is held
-- must stand somewhere in the text, before it is worth looking where.
DROP TRIGGER audit_entry_delete;
CREATE TRIGGER audit_entry_delete BEFORE DELETE ON audit_entry
WHEN NOT EXISTS (SELECT 1 FROM audit_permit WHERE chain = OLD.position >> 40
        AND OLD.position & 1099511627775 >= after AND OLD.position & 1099511627775 < before)
    OR substr(OLD.body, instr(OLD.body, '"event":{') + 9, 18) = '"action":"journal.'
    OR coalesce((SELECT last FROM audit_spared WHERE chain = OLD.position >> 40
        AND first <= OLD.position & 1099511627775 ORDER BY first DESC LIMIT 1), -1)
        >= OLD.position & 1099511627775
    OR EXISTS (SELECT 1 FROM audit_hold AS hold
        WHERE hold.chain = OLD.position >> 40 AND CASE hold.kind
            WHEN 'chain' THEN 1
            WHEN 'subject' THEN instr(OLD.body, lower(hex(hold.subject))) > 0 AND json_type(
                OLD.body, '$.event.private."' || lower(hex(hold.subject)) || '"') IS NOT NULL
            ELSE (instr(OLD.body, hold.target_id) > 0 OR hold.target_id GLOB '*[^-A-Za-z0-9_.:]*')
                AND EXISTS (SELECT 1 FROM json_each(OLD.body, '$.event.targets') AS target
                    WHERE target.value ->> 'id' = hold.target_id
                        AND target.value ->> 'type' = hold.target_type)
            END)
BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;

-- Private fields leave with their subject, or after their record.
DROP TRIGGER audit_disclosure_delete;
CREATE TRIGGER audit_disclosure_delete BEFORE DELETE ON audit_disclosure
WHEN (EXISTS (SELECT 1 FROM audit_entry WHERE position = OLD.position)
        OR NOT EXISTS (SELECT 1 FROM audit_permit WHERE chain = OLD.position >> 40
            AND OLD.position & 1099511627775 >= after AND OLD.position & 1099511627775 < before))
    AND (NOT EXISTS (SELECT 1 FROM audit_newest_reserved AS newest
            JOIN audit_subject AS subject
                ON subject.tenant = newest.tenant AND subject.ref = OLD.subject
            WHERE newest.chain = OLD.position >> 40 AND subject.erased IS NOT NULL
                AND newest.said ->> '$.action' = 'journal.subject_erased'
                AND newest.said ->> '$.meta.subject' = lower(hex(OLD.subject))
                AND newest.said ->> '$.meta.through' >= OLD.position & 1099511627775)
        OR EXISTS (SELECT 1 FROM audit_held WHERE position = OLD.position))
BEGIN SELECT RAISE(ABORT, 'audit_disclosure leaves with its subject'); END;
