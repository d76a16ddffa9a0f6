-- The store's tables. `events` is a view over the hot part, which is here, and sealed days, which are files.

CREATE TABLE IF NOT EXISTS events_hot (
    seq                 BIGINT NOT NULL,
    event_id            VARCHAR NOT NULL,
    received_at         TIMESTAMPTZ NOT NULL,
    occurred_at         TIMESTAMPTZ NOT NULL,
    host                VARCHAR,
    agent               VARCHAR NOT NULL,
    event_type          VARCHAR NOT NULL,
    hook_event_name     VARCHAR NOT NULL,
    session_id          VARCHAR NOT NULL,
    payload             JSON USING COMPRESSION zstd,
    prompt_id           VARCHAR,
    agent_id            VARCHAR,
    agent_type          VARCHAR,
    tool_name           VARCHAR,
    tool_use_id         VARCHAR,
    success             BOOLEAN,
    error               VARCHAR,
    execution_time_ms   DOUBLE,
    cwd                 VARCHAR,
    redactions          JSON,
    redaction_failed    BOOLEAN NOT NULL,
    size_bytes          BIGINT NOT NULL,
    processing_time_ms  DOUBLE NOT NULL,
    trace_id            VARCHAR,
    span_id             VARCHAR
);

-- What PostToolBatch lists, so that the views need not read payloads. Tables of before get it here too.
ALTER TABLE events_hot ADD COLUMN IF NOT EXISTS
    listed_calls STRUCT(id VARCHAR, tool VARCHAR, error_type VARCHAR, error VARCHAR, span_id VARCHAR)[];

-- Payloads that are too large for a row, which holds their head then.
CREATE TABLE IF NOT EXISTS payload_parts_hot (
    seq   BIGINT NOT NULL,
    part  INTEGER NOT NULL,
    text  VARCHAR USING COMPRESSION zstd
);

-- The files that hold the sealed days. A retired one is out of the views and not yet removed.
CREATE TABLE IF NOT EXISTS sealed_files (
    name          VARCHAR NOT NULL,
    first_seq     BIGINT NOT NULL,
    last_seq      BIGINT NOT NULL,
    first_at      TIMESTAMPTZ NOT NULL,
    last_at       TIMESTAMPTZ NOT NULL,
    events        BIGINT NOT NULL,
    bytes         BIGINT NOT NULL,
    has_payloads  BOOLEAN NOT NULL,
    retired       BOOLEAN NOT NULL
);
ALTER TABLE sealed_files ADD COLUMN IF NOT EXISTS has_listed_calls BOOLEAN DEFAULT false;

-- What left the store to keep its bounds, or was damaged; with the name of a sink: what that sink had not got.
CREATE TABLE IF NOT EXISTS forgotten (
    reason  VARCHAR NOT NULL,
    sink    VARCHAR NOT NULL,     -- '' is the store
    events  BIGINT NOT NULL,
    bytes   BIGINT NOT NULL,
    since   TIMESTAMPTZ NOT NULL
);

-- What was exported as a span, so that SQL sees what a tracing backend sees.
CREATE TABLE IF NOT EXISTS spans (
    trace_id        VARCHAR NOT NULL,
    span_id         VARCHAR NOT NULL,
    parent_span_id  VARCHAR,
    service         VARCHAR NOT NULL,
    name            VARCHAR NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL,
    ended_at        TIMESTAMPTZ NOT NULL,
    status          VARCHAR NOT NULL,
    attributes      JSON USING COMPRESSION zstd
);

-- How far each consumer of the journal has come; written together with the rows that it stands for.
CREATE TABLE IF NOT EXISTS cursors (
    consumer  VARCHAR PRIMARY KEY,
    seq       BIGINT NOT NULL,
    state     VARCHAR              -- what the consumer must know to go on, JSON
);

-- What a sink will never take, with its reason.
CREATE TABLE IF NOT EXISTS dead_letters (
    sink       VARCHAR NOT NULL,
    seq        BIGINT NOT NULL,
    event_id   VARCHAR NOT NULL,
    died_at    TIMESTAMPTZ NOT NULL,
    reason     VARCHAR NOT NULL,
    payload    JSON                  -- of a large one the head, as in events_hot
);
CREATE TABLE IF NOT EXISTS dead_letter_parts (
    sink       VARCHAR NOT NULL,
    seq        BIGINT NOT NULL,
    event_id   VARCHAR NOT NULL,
    died_at    TIMESTAMPTZ NOT NULL,
    part       INTEGER NOT NULL,
    text       VARCHAR USING COMPRESSION zstd
);

-- Totals that outlive a restart.
CREATE TABLE IF NOT EXISTS counters (
    metric   VARCHAR NOT NULL,
    labels   VARCHAR NOT NULL,     -- the values of the metric's labels, JSON
    value    DOUBLE NOT NULL,      -- a count, or the sum of what a histogram saw
    buckets  VARCHAR NOT NULL,     -- how many fell into each bucket of a histogram, JSON
    PRIMARY KEY (metric, labels)
);
