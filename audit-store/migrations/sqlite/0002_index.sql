-- The query index: derived from the entries, rebuilt from them at any time, and compared with them
-- by every verification. It is not append-only: segments are merged, and pruning rewrites them.

-- How far each chain is posted. It moves by compare-and-swap, so that posting never waits for the
-- chain's head, nor an append for the index. Whatever changes the pages of a chain counts the
-- revision up.
CREATE TABLE audit_posted (
    chain    INTEGER PRIMARY KEY CHECK (chain BETWEEN 1 AND 8388607),
    upto     INTEGER NOT NULL CHECK (upto BETWEEN 0 AND 1099511627776 AND upto % 256 = 0),
    revision INTEGER NOT NULL CHECK (revision >= 0)
) STRICT;

-- The postings of a segment (256, 4,096 or 65,536 entries for level 0, 1 and 2), sorted and cut into
-- pages; first is the first posting of the page, and 0 on a segment's first page. An ordinary row
-- with an index beside it: pages are too long for the inner nodes of a clustered tree.
CREATE TABLE audit_posting (
    id       INTEGER PRIMARY KEY,
    chain    INTEGER NOT NULL CHECK (chain BETWEEN 1 AND 8388607),
    level    INTEGER NOT NULL CHECK (level BETWEEN 0 AND 2),
    block    INTEGER NOT NULL CHECK (block BETWEEN 0 AND 4294967295),
    first    INTEGER NOT NULL CHECK (first BETWEEN 0 AND 1152921504606846975),
    postings BLOB    NOT NULL CHECK (length(postings) <= 1900)
) STRICT;
CREATE UNIQUE INDEX audit_posting_page ON audit_posting (chain, level, block, first);
