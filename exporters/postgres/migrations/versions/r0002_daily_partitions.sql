-- No percent sign and no colon before a word here: Alembic and SQLAlchemy would take them for their own.

-- A view keeps the table that it was made on, and would go on showing the events of before.
DO $$
DECLARE
    reader text;
BEGIN
    SELECT pg_rewrite.ev_class::regclass::text INTO reader
    FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid
    WHERE pg_depend.classid = 'pg_rewrite'::regclass AND pg_depend.refobjid = 'leanvibe_events'::regclass
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            MESSAGE = 'the view ' || reader || ' reads leanvibe_events: drop it, upgrade, and create it again';
    END IF;
END
$$;

-- What is there becomes one partition as it stands: no row is copied, and one index is built.
ALTER TABLE leanvibe_events RENAME TO leanvibe_events_before;
ALTER INDEX leanvibe_events_session_id_received_at RENAME TO leanvibe_events_before_session_id_received_at;
ALTER INDEX leanvibe_events_event_type_received_at RENAME TO leanvibe_events_before_event_type_received_at;
ALTER TABLE leanvibe_events_before
    DROP CONSTRAINT leanvibe_events_pkey,
    ADD CONSTRAINT leanvibe_events_before_pkey PRIMARY KEY (event_id, received_at);

CREATE TABLE leanvibe_events (
    LIKE leanvibe_events_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (event_id, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX leanvibe_events_session_id_received_at ON leanvibe_events (session_id, received_at);
CREATE INDEX leanvibe_events_event_type_received_at ON leanvibe_events (event_type, received_at);
CREATE TABLE leanvibe_events_default PARTITION OF leanvibe_events DEFAULT;

CREATE VIEW leanvibe_event_partitions AS
SELECT
    pg_class.oid::regclass AS partition,
    substring(bounds FROM 'FROM \(''([^'']*)''\)')::timestamptz AS begins,
    substring(bounds FROM 'TO \(''([^'']*)''\)')::timestamptz AS ends
FROM pg_inherits
JOIN pg_class ON pg_class.oid = pg_inherits.inhrelid
CROSS JOIN LATERAL pg_get_expr(pg_class.relpartbound, pg_class.oid) AS bounds
WHERE pg_inherits.inhparent = 'leanvibe_events'::regclass;
COMMENT ON VIEW leanvibe_event_partitions IS
'The days that there are; begins is null where a partition has no beginning, both are null for the default one.';
GRANT SELECT ON leanvibe_event_partitions TO PUBLIC;

CREATE FUNCTION leanvibe_make_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '2s' AS $$
DECLARE
    partition text = quote_ident('leanvibe_events_' || to_char(day, 'YYYYMMDD'));
    first timestamptz = day::timestamp AT TIME ZONE 'UTC';
    following timestamptz = (day + 1)::timestamp AT TIME ZONE 'UTC';
    today date = (now() AT TIME ZONE 'UTC')::date;
    misplaced bigint;
BEGIN
    IF day NOT BETWEEN today - 366 AND today + 7 THEN
        RETURN false;
    END IF;
    PERFORM FROM leanvibe_event_partitions WHERE coalesce(begins <= first, true) AND ends > first;
    IF FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(7310579282004114);
    PERFORM FROM leanvibe_event_partitions WHERE coalesce(begins <= first, true) AND ends > first;
    IF FOUND THEN  -- another sidecar was quicker
        RETURN false;
    END IF;
    SELECT count(*) INTO misplaced FROM (
        SELECT FROM leanvibe_events_default WHERE received_at >= first AND received_at < following LIMIT 100001
    ) AS found;
    IF misplaced > 100000 THEN  -- moving them would hold everyone up: the day stays where it is
        RETURN false;
    END IF;
    EXECUTE 'CREATE TABLE ' || partition || ' (LIKE leanvibe_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)';
    LOCK TABLE leanvibe_events_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE 'WITH misplaced AS (DELETE FROM leanvibe_events_default WHERE received_at >= $1 AND received_at < $2'
        || ' RETURNING *) INSERT INTO ' || partition || ' SELECT * FROM misplaced' USING first, following;
    -- CREATE TABLE … PARTITION OF would wait for everyone who reads.
    EXECUTE 'ALTER TABLE leanvibe_events ATTACH PARTITION ' || partition
        || ' FOR VALUES FROM (' || quote_literal(first) || ') TO (' || quote_literal(following) || ')';
    RETURN true;
END
$$;
COMMENT ON FUNCTION leanvibe_make_partition IS
'Makes the partition of a day (UTC) within a year of today, unless there is one; whether it did.';
REVOKE ALL ON FUNCTION leanvibe_make_partition FROM PUBLIC;

CREATE FUNCTION leanvibe_drop_older_than(days integer) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    oldest timestamptz = ((now() AT TIME ZONE 'UTC')::date - days)::timestamp AT TIME ZONE 'UTC';
    old text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310579282004114) THEN
        RETURN false;
    END IF;
    SELECT partition::text INTO old FROM leanvibe_event_partitions WHERE ends <= oldest ORDER BY ends LIMIT 1;
    IF FOUND THEN
        EXECUTE 'DROP TABLE ' || old;
        RETURN true;
    END IF;
    IF NOT has_table_privilege('leanvibe_events_default', 'SELECT')
        OR NOT has_table_privilege('leanvibe_events_default', 'DELETE') THEN
        RETURN false;
    END IF;
    DELETE FROM leanvibe_events_default WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM leanvibe_events_default WHERE received_at < oldest LIMIT 10000
    ));
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION leanvibe_drop_older_than IS
'Drops one partition whose days are all that many days past, or some such rows of the default one; whether it did.';
REVOKE ALL ON FUNCTION leanvibe_drop_older_than FROM PUBLIC;

-- Owner and rights are those of the table before.
DO $$
DECLARE
    given record;
    owner text;
    whom text;
BEGIN
    SELECT quote_ident(rolname) INTO owner FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
    WHERE pg_class.oid = 'leanvibe_events_before'::regclass;
    EXECUTE 'ALTER TABLE leanvibe_events OWNER TO ' || owner;
    EXECUTE 'ALTER TABLE leanvibe_events_default OWNER TO ' || owner;
    EXECUTE 'ALTER VIEW leanvibe_event_partitions OWNER TO ' || owner;
    EXECUTE 'ALTER FUNCTION leanvibe_make_partition OWNER TO ' || owner;
    EXECUTE 'ALTER FUNCTION leanvibe_drop_older_than OWNER TO ' || owner;
    EXECUTE 'ALTER FUNCTION leanvibe_make_partition SET search_path = ' || quote_ident(current_schema()) || ', pg_temp';
    FOR given IN
        SELECT acl.grantee, acl.privilege_type FROM pg_class, aclexplode(pg_class.relacl) AS acl
        WHERE pg_class.oid = 'leanvibe_events_before'::regclass
    LOOP
        whom = CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(given.grantee)) END;
        EXECUTE 'GRANT ' || given.privilege_type || ' ON leanvibe_events TO ' || whom;
        IF given.privilege_type = 'INSERT' THEN
            EXECUTE 'GRANT EXECUTE ON FUNCTION leanvibe_make_partition TO ' || whom;
            EXECUTE 'GRANT EXECUTE ON FUNCTION leanvibe_drop_older_than TO ' || whom;
        END IF;
    END LOOP;
END
$$;

-- Tomorrow is the first day with a partition of its own; a row of a clock ahead of it goes to the default one.
DO $$
DECLARE
    tomorrow timestamptz = ((now() AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    WITH ahead AS (DELETE FROM leanvibe_events_before WHERE received_at >= tomorrow RETURNING *)
    INSERT INTO leanvibe_events SELECT * FROM ahead;
    PERFORM FROM leanvibe_events_before LIMIT 1;
    IF FOUND THEN
        EXECUTE 'ALTER TABLE leanvibe_events ATTACH PARTITION leanvibe_events_before FOR VALUES FROM (MINVALUE) TO ('
            || quote_literal(tomorrow) || ')';
    ELSE
        DROP TABLE leanvibe_events_before;
    END IF;
END
$$;
