-- The keys that sign checkpoints besides the journal's first one, and which of them sign no more: a
-- projection of journal.key_added and journal.key_retired, which stand in every chain. A row without
-- `added` is the first key's. `covered`: every chain had a checkpoint by an older key over the entry
-- that added this one, so that whoever trusts the older one can trust it. Of no tenant.
CREATE TABLE key (
    key     text   PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 1024),
    added   bigint,
    covered bigint CHECK (covered >= added),
    retired bigint CHECK (retired >= added),
    CHECK (added IS NOT NULL OR retired IS NOT NULL)
);

CREATE TRIGGER key_forward BEFORE UPDATE ON key FOR EACH ROW
    WHEN (NOT (NEW.key = OLD.key AND NEW.added IS NOT DISTINCT FROM OLD.added
        AND (OLD.covered IS NULL OR NEW.covered IS NOT DISTINCT FROM OLD.covered)
        AND (OLD.retired IS NULL OR NEW.retired IS NOT DISTINCT FROM OLD.retired)))
    EXECUTE FUNCTION refuse('a key is added once and retired once');
CREATE TRIGGER key_kept BEFORE DELETE ON key FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER key_truncate BEFORE TRUNCATE ON key EXECUTE FUNCTION refuse();
