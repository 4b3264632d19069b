-- A data subject's private fields leave after the subject was severed from the host's id, in the same
-- transaction, and not while a hold stands on the chain.
DROP TRIGGER audit_disclosure_delete;
CREATE TRIGGER audit_disclosure_delete BEFORE DELETE ON audit_disclosure
WHEN NOT EXISTS (SELECT 1 FROM audit_chain JOIN audit_subject USING (tenant)
        WHERE audit_chain.id = OLD.position >> 40 AND audit_subject.ref = OLD.subject
            AND audit_subject.erased IS NOT NULL)
    OR EXISTS (SELECT 1 FROM audit_hold WHERE chain = OLD.position >> 40)
BEGIN SELECT RAISE(ABORT, 'audit_disclosure leaves with its subject'); END;
