-- A person is severed under the entry that says so, or where nothing of theirs is kept.
CREATE FUNCTION subject_severed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM chain
            JOIN entry ON entry.chain = chain.id AND entry.seq = chain.control
            WHERE chain.tenant = OLD.tenant
                AND entry.body::json #>> '{event,action}' = 'journal.subject_erased'
                AND entry.body::json #>> '{event,meta,subject}' = encode(OLD.ref, 'hex'))
        AND EXISTS (SELECT 1 FROM disclosure WHERE tenant = OLD.tenant AND subject = OLD.ref) THEN
        RAISE EXCEPTION 'UPDATE of subject is refused: no entry says that the person was erased'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER subject_recorded BEFORE UPDATE ON subject
    FOR EACH ROW EXECUTE FUNCTION subject_severed();
