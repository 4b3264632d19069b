-- A new incarnation begins without an entry of its own being counted, and only with the entry that
-- declares it; an append never begins one.
DROP TRIGGER audit_chain_update;
CREATE TRIGGER audit_chain_update BEFORE UPDATE ON audit_chain
WHEN NOT (NEW.id = OLD.id AND NEW.tenant = OLD.tenant AND NEW.series = OLD.series
    AND ((NEW.size > OLD.size AND NEW.at >= OLD.at AND NEW.incarnation = OLD.incarnation
            AND (OLD.control IS NULL OR coalesce(NEW.control >= OLD.control, 0)))
        OR (NEW.incarnation = OLD.incarnation + 1 AND NEW.size = OLD.size AND NEW.head = OLD.head
            AND NEW.range = OLD.range AND NEW.at = OLD.at AND NEW.control = OLD.control
            AND EXISTS (SELECT 1 FROM audit_newest_reserved AS newest WHERE newest.chain = OLD.id
                AND newest.said ->> '$.action' = 'journal.restored'
                AND newest.said ->> '$.meta.incarnation' = NEW.incarnation))))
BEGIN SELECT RAISE(ABORT, 'audit_chain only moves forward'); END;
