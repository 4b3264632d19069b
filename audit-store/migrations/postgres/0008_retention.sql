-- Retention: the plans of tenants, and how records leave that are no longer kept.

-- The plan of each tenant, so that a chain made later begins with it. What binds a chain is its own
-- journal.schedule_changed entries.
CREATE TABLE plan (
    tenant text   PRIMARY KEY CHECK (length(tenant) BETWEEN 1 AND 64),
    plan   text   NOT NULL CHECK (length(plan) BETWEEN 1 AND 256),
    since  bigint NOT NULL
);

-- Where those entries stand; what they say is read from their bytes.
CREATE TABLE schedule (
    chain  bigint NOT NULL REFERENCES chain (id),
    seq    bigint NOT NULL CHECK (seq BETWEEN 0 AND 1099511627775),
    tenant text   NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE FUNCTION schedule_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM entry WHERE entry.chain = NEW.chain AND entry.seq = NEW.seq
            AND entry.body::json #>> '{event,action}' = 'journal.schedule_changed') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'INSERT of schedule is refused: no entry of the chain says so'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER schedule_guard BEFORE INSERT ON schedule
    FOR EACH ROW EXECUTE FUNCTION schedule_guard();
CREATE TRIGGER schedule_kept BEFORE UPDATE OR DELETE ON schedule
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER schedule_truncate BEFORE TRUNCATE ON schedule EXECUTE FUNCTION refuse();

-- What a pruning lets go, for the transaction that has inserted its entry and for no other: the seqs
-- that the entry names, less those it keeps.
CREATE TABLE permit (
    chain  bigint         PRIMARY KEY REFERENCES chain (id),
    tenant text           NOT NULL,
    seq    bigint         NOT NULL,
    may    int8multirange NOT NULL,
    xact   xid8           NOT NULL
);
CREATE FUNCTION permit_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    said json;
BEGIN
    SELECT entry.body::json -> 'event' INTO said FROM entry
    WHERE entry.chain = NEW.chain AND entry.seq = NEW.seq
        AND entry.xmin = pg_current_xact_id()::xid;
    IF said ->> 'action' = 'journal.pruned'
        AND (said #>> '{meta,before}')::bigint < NEW.seq THEN
        NEW.xact := pg_current_xact_id();
        NEW.may := int8multirange(int8range(
                (said #>> '{meta,after}')::bigint, (said #>> '{meta,before}')::bigint))
            - coalesce((SELECT range_agg(int8range(
                (kept ->> 0)::bigint, (kept ->> 1)::bigint, '[]'))
                FROM json_array_elements(said #> '{meta,kept}') AS kept), '{}'::int8multirange);
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of permit is refused: no entry of this transaction says so', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER permit_guard BEFORE INSERT OR UPDATE ON permit
    FOR EACH ROW EXECUTE FUNCTION permit_guard();

-- A record leaves under a pruning, unless it is reserved or held. One look for each statement, however
-- many records it takes. An event's action is the first of its members, and nothing before the event
-- can look like its key. A plain id that is held must stand somewhere in the text, before it is worth
-- looking where.
CREATE FUNCTION entry_leaves() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
            SELECT 1 FROM gone LEFT JOIN permit
                ON permit.chain = gone.chain AND permit.xact = pg_current_xact_id()
            WHERE NOT coalesce(permit.may @> gone.seq::bigint, false)
                OR substr(gone.body, strpos(gone.body, '"event":{') + 9, 18) = '"action":"journal.')
        OR EXISTS (
            SELECT 1 FROM hold JOIN gone ON gone.chain = hold.chain WHERE CASE hold.kind
                WHEN 'chain' THEN true
                WHEN 'subject' THEN strpos(gone.body, encode(hold.subject, 'hex')) > 0
                    AND (gone.body::json #> '{event,private}') -> encode(hold.subject, 'hex')
                        IS NOT NULL
                ELSE (strpos(gone.body, hold.target_id) > 0
                        OR hold.target_id ~ '[^-A-Za-z0-9_.:]')
                    AND EXISTS (SELECT 1
                        FROM json_array_elements(gone.body::json #> '{event,targets}') AS target
                        WHERE target ->> 'id' = hold.target_id
                            AND target ->> 'type' = hold.target_type)
            END) THEN
        RAISE EXCEPTION 'DELETE of entry is refused: no pruning of this transaction covers it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER entry_kept ON entry;
CREATE TRIGGER entry_kept BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER entry_leaves AFTER DELETE ON entry REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION entry_leaves();

-- Private fields leave with their subject, or after their record.
CREATE OR REPLACE FUNCTION disclosure_leaves() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    said json;
BEGIN
    IF EXISTS (SELECT 1 FROM permit WHERE permit.chain = OLD.chain
            AND permit.xact = pg_current_xact_id() AND permit.may @> OLD.seq::bigint)
        AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.chain = OLD.chain AND entry.seq = OLD.seq) THEN
        RETURN OLD;
    END IF;
    said := newest_reserved(OLD.chain);
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
