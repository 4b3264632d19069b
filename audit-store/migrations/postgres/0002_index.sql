-- The query index: derived from the entries, rebuilt from them at any time, and compared with them
-- by every verification. It is not append-only: segments are merged, and pruning rewrites them.

-- How far each chain is posted. It moves by compare-and-swap, so that posting never waits for the
-- chain's head, nor an append for the index. Whatever changes the pages of a chain counts the
-- revision up.
CREATE TABLE posted (
    chain    bigint PRIMARY KEY CHECK (chain BETWEEN 1 AND 8388607),
    tenant   text   NOT NULL,
    upto     bigint NOT NULL CHECK (upto BETWEEN 0 AND 1099511627776 AND upto % 256 = 0),
    revision bigint NOT NULL CHECK (revision >= 0)
) WITH (fillfactor = 10);

-- The postings of a segment (256, 4,096 or 65,536 entries for level 0, 1 and 2), sorted and cut into
-- pages; first is the first posting of the page, and 0 on a segment's first page.
CREATE TABLE posting (
    chain    bigint   NOT NULL CHECK (chain BETWEEN 1 AND 8388607),
    level    smallint NOT NULL CHECK (level BETWEEN 0 AND 2),
    block    bigint   NOT NULL CHECK (block BETWEEN 0 AND 4294967295),
    first    bigint   NOT NULL CHECK (first BETWEEN 0 AND 1152921504606846975),
    tenant   text     NOT NULL,
    postings bytea    NOT NULL CHECK (octet_length(postings) <= 1900),
    PRIMARY KEY (chain, level, block, first)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
-- Differences of hashes do not compress, and a page fits on a page.
ALTER TABLE posting ALTER COLUMN postings SET STORAGE PLAIN;
