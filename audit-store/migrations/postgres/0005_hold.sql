-- Legal holds: what they keep, and what an erasure leaves for later because of them.

-- A person was erased while a hold kept private fields of theirs on this chain. They go when the last
-- hold on them is released, on the ground and for the request that are noted here.
CREATE TABLE deferred (
    chain   bigint NOT NULL REFERENCES chain (id),
    subject bytea  NOT NULL CHECK (octet_length(subject) = 16),
    tenant  text   NOT NULL,
    ground  text   NOT NULL CHECK (length(ground) BETWEEN 1 AND 65000),
    request text   NOT NULL CHECK (length(request) BETWEEN 1 AND 65000),
    PRIMARY KEY (chain, subject)
);

-- Keys that nothing is to be opened with any more, until they are seen to be destroyed: of an erased
-- person, or the one under which held fields of such a person were kept.
CREATE TABLE condemned (
    tenant  text    NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    subject bytea   NOT NULL CHECK (octet_length(subject) = 16),
    custody boolean NOT NULL,
    PRIMARY KEY (tenant, subject, custody)
);

-- What the newest reserved entry of a chain says: the one that a deletion in the same transaction
-- stands on.
CREATE FUNCTION newest_reserved(of_chain bigint) RETURNS json LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT entry.body::json -> 'event' FROM chain
    JOIN entry ON entry.chain = chain.id AND entry.seq = chain.control
    WHERE chain.id = of_chain
$$;

CREATE FUNCTION is_held(of_chain bigint, of_seq bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT 1 FROM hold WHERE hold.chain = of_chain AND CASE hold.kind
            WHEN 'chain' THEN true
            WHEN 'subject' THEN EXISTS (
                SELECT 1 FROM entry WHERE entry.chain = of_chain AND entry.seq = of_seq
                AND (entry.body::json #> '{event,private}') -> encode(hold.subject, 'hex') IS NOT NULL)
            ELSE EXISTS (
                SELECT 1 FROM entry,
                    json_array_elements(entry.body::json #> '{event,targets}') AS target
                WHERE entry.chain = of_chain AND entry.seq = of_seq
                AND target ->> 'id' = hold.target_id AND target ->> 'type' = hold.target_type)
        END)
$$;

-- A hold stands on an entry that placed it, and goes with the one that releases it.
CREATE FUNCTION hold_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    said json;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT body::json -> 'event' INTO said FROM entry
        WHERE entry.chain = NEW.chain AND entry.seq = NEW.seq;
        IF said ->> 'action' = 'journal.hold_placed' AND said #>> '{meta,hold}' = NEW.hold THEN
            RETURN NEW;
        END IF;
    ELSE
        said := newest_reserved(OLD.chain);
        IF said ->> 'action' = 'journal.hold_released' AND said #>> '{meta,hold}' = OLD.hold THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% of hold is refused: no entry of the chain says so', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER hold_guard BEFORE INSERT OR DELETE ON hold
    FOR EACH ROW EXECUTE FUNCTION hold_guard();
CREATE TRIGGER hold_kept BEFORE UPDATE ON hold FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER hold_truncate BEFORE TRUNCATE ON hold EXECUTE FUNCTION refuse();

-- A data subject's private fields leave under the entry that says so, and not while they are held.
CREATE OR REPLACE FUNCTION disclosure_leaves() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    said json := newest_reserved(OLD.chain);
BEGIN
    IF coalesce(said ->> 'action' = 'journal.subject_erased'
            AND said #>> '{meta,subject}' = encode(OLD.subject, 'hex')
            AND (said #>> '{meta,through}')::bigint >= OLD.seq, false)
        AND EXISTS (SELECT 1 FROM subject
            WHERE tenant = OLD.tenant AND ref = OLD.subject AND erased IS NOT NULL)
        AND NOT is_held(OLD.chain, OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'DELETE of disclosure is refused: private fields leave with their subject'
        USING ERRCODE = 'restrict_violation';
END $$;

-- Held private fields of an erased person are sealed under another key, and stay what they are.
CREATE FUNCTION disclosure_rekeyed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.chain = OLD.chain AND NEW.seq = OLD.seq AND NEW.subject = OLD.subject
        AND NEW.tenant = OLD.tenant AND is_held(OLD.chain, OLD.seq)
        AND EXISTS (SELECT 1 FROM subject
            WHERE tenant = OLD.tenant AND ref = OLD.subject AND erased IS NOT NULL)
        AND (SELECT array_agg(item ->> 'digest') FROM json_array_elements(OLD.items::json) AS item)
            = (SELECT array_agg(item ->> 'digest') FROM json_array_elements(NEW.items::json) AS item)
        AND NOT EXISTS (SELECT 1 FROM json_array_elements(NEW.items::json) AS item
            WHERE item ->> 'sealed' IS NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'UPDATE of disclosure is refused: the table is append-only'
        USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER disclosure_kept ON disclosure;
CREATE TRIGGER disclosure_kept BEFORE UPDATE ON disclosure
    FOR EACH ROW EXECUTE FUNCTION disclosure_rekeyed();
