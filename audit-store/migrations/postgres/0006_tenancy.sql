-- What holds for the whole journal from its creation on: by which session setting row-level security
-- goes, which tenant alone the journal is for, and what its key for the subject directory is
-- recognised by. No row means none of it.
CREATE TABLE tenancy (
    one         integer PRIMARY KEY CHECK (one = 1),
    setting     text  CHECK (length(setting) BETWEEN 3 AND 63),
    tenant      text  CHECK (length(tenant) BETWEEN 1 AND 64),
    subject_key bytea CHECK (octet_length(subject_key) = 32)
);
CREATE TRIGGER tenancy_kept BEFORE UPDATE OR DELETE ON tenancy
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER tenancy_truncate BEFORE TRUNCATE ON tenancy EXECUTE FUNCTION refuse();

-- The names of the tenants that have a chain, and nothing else of them: whoever seals, posts and
-- signs for all of them goes by it, since row-level security shows him one tenant at a time.
CREATE TABLE tenant (name chain_name PRIMARY KEY);
INSERT INTO tenant SELECT DISTINCT tenant FROM chain;
CREATE TRIGGER tenant_kept BEFORE UPDATE OR DELETE ON tenant
    FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER tenant_truncate BEFORE TRUNCATE ON tenant EXECUTE FUNCTION refuse();

CREATE FUNCTION register_tenant() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO tenant (name) VALUES (NEW.tenant) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER chain_registers AFTER INSERT ON chain
    FOR EACH ROW EXECUTE FUNCTION register_tenant();

-- The tenants of whom something waits for the sequencer, in one call however many tenants there are.
-- It names them one after the other in the setting, for its transaction only, and so sees no more than
-- its caller may.
CREATE FUNCTION tenants_with_staged(setting text) RETURNS SETOF text LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    each text;
BEGIN
    FOR each IN SELECT name FROM tenant ORDER BY name LOOP
        PERFORM set_config(setting, each, true);
        IF EXISTS (SELECT FROM staged) THEN
            RETURN NEXT each;
        END IF;
    END LOOP;
    PERFORM set_config(setting, '', true);
END $$;
