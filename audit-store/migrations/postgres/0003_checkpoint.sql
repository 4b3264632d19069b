-- How far each chain is signed, so that finding what is due asks no checkpoint: a projection of
-- checkpoint, with the time of the signature. Signers lock this row, never the chain's head.
CREATE TABLE signing (
    chain       bigint PRIMARY KEY CHECK (chain BETWEEN 1 AND 8388607),
    tenant      text   NOT NULL,
    incarnation bigint NOT NULL CHECK (incarnation >= 0),
    size        bigint NOT NULL CHECK (size BETWEEN -1 AND 1099511627776),
    at          bigint
);

-- How far each sink is served: the last checkpoint it took, and how often it failed since.
CREATE TABLE published (
    chain       bigint NOT NULL CHECK (chain BETWEEN 1 AND 8388607),
    sink        text   NOT NULL CHECK (length(sink) BETWEEN 1 AND 255),
    tenant      text   NOT NULL,
    incarnation bigint NOT NULL CHECK (incarnation >= 0),
    size        bigint NOT NULL CHECK (size BETWEEN -1 AND 1099511627776),
    failures    bigint NOT NULL CHECK (failures >= 0),
    failed_at   bigint,
    PRIMARY KEY (chain, sink)
);
