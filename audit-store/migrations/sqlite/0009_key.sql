-- The keys that sign checkpoints besides the journal's first one, and which of them sign no more: a
-- projection of journal.key_added and journal.key_retired, which stand in every chain. A row without
-- `added` is the first key's. `covered`: every chain had a checkpoint by an older key over the entry
-- that added this one, so that whoever trusts the older one can trust it.
CREATE TABLE audit_key (
    key     TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 1024),
    added   INTEGER,
    covered INTEGER CHECK (covered >= added),
    retired INTEGER CHECK (retired >= added),
    CHECK (added IS NOT NULL OR retired IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_key_update BEFORE UPDATE ON audit_key
WHEN NOT (NEW.key = OLD.key AND NEW.added IS OLD.added
    AND (OLD.covered IS NULL OR NEW.covered IS OLD.covered)
    AND (OLD.retired IS NULL OR NEW.retired IS OLD.retired))
BEGIN SELECT RAISE(ABORT, 'audit_key: a key is added once and retired once'); END;
CREATE TRIGGER audit_key_delete BEFORE DELETE ON audit_key
BEGIN SELECT RAISE(ABORT, 'audit_key: a key is added once and retired once'); END;
CREATE TRIGGER audit_key_replace BEFORE INSERT ON audit_key
WHEN EXISTS (SELECT 1 FROM audit_key WHERE key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'audit_key: a key is added once and retired once'); END;
