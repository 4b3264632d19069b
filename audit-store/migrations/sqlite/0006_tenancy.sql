-- What holds for the whole journal from its creation on: which tenant alone it is for, and what its
-- key for the subject directory is recognised by. No row means none of it. There is no row-level
-- security here, and so no session setting.
CREATE TABLE audit_tenancy (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    setting     TEXT CHECK (setting IS NULL),
    tenant      TEXT CHECK (length(tenant) BETWEEN 1 AND 64),
    subject_key BLOB CHECK (length(subject_key) = 32)
) STRICT;
CREATE TRIGGER audit_tenancy_update BEFORE UPDATE ON audit_tenancy
BEGIN SELECT RAISE(ABORT, 'audit_tenancy is append-only'); END;
CREATE TRIGGER audit_tenancy_delete BEFORE DELETE ON audit_tenancy
BEGIN SELECT RAISE(ABORT, 'audit_tenancy is append-only'); END;
CREATE TRIGGER audit_tenancy_replace BEFORE INSERT ON audit_tenancy
WHEN EXISTS (SELECT 1 FROM audit_tenancy WHERE one = NEW.one)
BEGIN SELECT RAISE(ABORT, 'audit_tenancy is append-only'); END;
