-- A data subject's private fields leave after the subject was severed from the host's id, in the same
-- transaction, and not while a hold stands on the chain.
CREATE FUNCTION disclosure_leaves() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM subject
            WHERE tenant = OLD.tenant AND ref = OLD.subject AND erased IS NOT NULL)
        OR EXISTS (SELECT 1 FROM hold WHERE chain = OLD.chain) THEN
        RAISE EXCEPTION 'DELETE of disclosure is refused: private fields leave with their subject'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER disclosure_kept ON disclosure;
CREATE TRIGGER disclosure_kept BEFORE UPDATE ON disclosure FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER disclosure_leaves BEFORE DELETE ON disclosure
    FOR EACH ROW EXECUTE FUNCTION disclosure_leaves();
