-- What was proposed for a request: records to be put right, preferences. Sealed under the request's
-- own key, and emptied when it was carried out.
CREATE TABLE privacy_measure (
    request text PRIMARY KEY REFERENCES privacy_request (id),
    tenant  text NOT NULL CHECK (length(tenant) BETWEEN 1 AND 64),
    state   text NOT NULL CHECK (state IN ('proposed', 'begun', 'done')),
    body    text NOT NULL
);
