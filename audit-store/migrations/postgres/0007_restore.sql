-- A new incarnation begins without an entry of its own being counted, and only with the entry that
-- declares it; an append never begins one.
CREATE FUNCTION chain_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    said json;
BEGIN
    IF NEW.incarnation = OLD.incarnation + 1 AND NEW.size = OLD.size AND NEW.head = OLD.head
        AND NEW.range = OLD.range AND NEW.at = OLD.at AND NEW.control = OLD.control THEN
        said := newest_reserved(OLD.id);
        IF said ->> 'action' = 'journal.restored'
            AND (said #>> '{meta,incarnation}')::bigint = NEW.incarnation THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'UPDATE of chain is refused: a chain only moves forward'
        USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER chain_forward ON chain;
CREATE TRIGGER chain_forward AFTER UPDATE ON chain FOR EACH ROW
    WHEN (NOT (NEW.size > OLD.size AND NEW.at >= OLD.at AND NEW.incarnation = OLD.incarnation
        AND (OLD.control IS NULL OR coalesce(NEW.control >= OLD.control, false))))
    EXECUTE FUNCTION chain_forward();
