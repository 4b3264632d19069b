-- A person is severed under the entry that says so, or where nothing of theirs is kept.
CREATE TRIGGER audit_subject_recorded BEFORE UPDATE ON audit_subject
WHEN NOT EXISTS (SELECT 1 FROM audit_newest_reserved AS newest WHERE newest.tenant = OLD.tenant
        AND newest.said ->> '$.action' = 'journal.subject_erased'
        AND newest.said ->> '$.meta.subject' = lower(hex(OLD.ref)))
    AND EXISTS (SELECT 1 FROM audit_disclosure AS disclosure
        JOIN audit_chain AS chain ON chain.id = disclosure.position >> 40
        WHERE chain.tenant = OLD.tenant AND disclosure.subject = OLD.ref)
BEGIN SELECT RAISE(ABORT, 'audit_subject: no entry says that the person was erased'); END;
