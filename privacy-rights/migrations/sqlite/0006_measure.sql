-- What was proposed for a request: records to be put right, preferences. Sealed under the request's
-- own key, and emptied when it was carried out.
CREATE TABLE privacy_measure (
    request TEXT PRIMARY KEY REFERENCES privacy_request (id),
    tenant  TEXT NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    state   TEXT NOT NULL CHECK (state IN ('proposed', 'begun', 'done')),
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
