import SQLite

/// The ledger's schema, as the steps that led to it.
///
/// Append only: a step that has run somewhere is never edited. Times are microseconds since 1970, money is millionths
/// of the configured currency, and `NULL` money is an unknown price, which is not the same as nothing.
enum Schema {
    static let migrations: [Migration] = [
        Migration(
            "0001 keys, jobs, attempts, images",
            sql: """
                CREATE TABLE keys (
                    id          TEXT PRIMARY KEY,
                    name        TEXT NOT NULL,
                    hash        BLOB NOT NULL UNIQUE,   -- SHA-256 of the key, which itself is kept nowhere
                    prefix      TEXT NOT NULL,          -- its first characters, to recognise it by
                    models      TEXT,                   -- JSON array; NULL allows every model
                    created_at  INTEGER NOT NULL,
                    revoked_at  INTEGER
                ) STRICT;

                CREATE TABLE jobs (
                    id                TEXT PRIMARY KEY,  -- begins with the time, so that newer ids sort last
                    key_id            TEXT NOT NULL REFERENCES keys (id),
                    operation         TEXT NOT NULL,
                    model             TEXT NOT NULL,
                    state             TEXT NOT NULL,
                    parameters        TEXT NOT NULL,     -- JSON, as the client gave them, without prompt and images
                    prompt_characters INTEGER NOT NULL,
                    input_images      INTEGER NOT NULL,
                    wanted_images     INTEGER NOT NULL,
                    accepted_at       INTEGER NOT NULL,
                    finished_at       INTEGER,
                    request_bytes     INTEGER NOT NULL,
                    images            INTEGER NOT NULL DEFAULT 0,
                    image_bytes       INTEGER NOT NULL DEFAULT 0,
                    cost              INTEGER,
                    report            TEXT,              -- JSON: what became of every parameter
                    error             TEXT               -- JSON, as the client was told
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX jobs_by_key ON jobs (key_id, id);
                CREATE INDEX jobs_unfinished ON jobs (state)
                    WHERE state IN ('accepted', 'submitted', 'storing');

                CREATE TABLE attempts (
                    job_id          TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
                    ordinal         INTEGER NOT NULL,
                    provider        TEXT NOT NULL,
                    model           TEXT NOT NULL,       -- the provider's name for it
                    state           TEXT NOT NULL,
                    submitted_at    INTEGER NOT NULL,    -- written before the first byte goes upstream
                    answered_at     INTEGER,
                    upstream_status INTEGER,
                    upstream_id     TEXT,                -- the provider's request id
                    task            TEXT,                -- JSON: a queue task, written before its first poll
                    pending         TEXT,                -- JSON: results being fetched; NULL once they are stored
                    failure         TEXT,                -- JSON: kind, code and the provider's words
                    PRIMARY KEY (job_id, ordinal)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE blobs (
                    digest     BLOB PRIMARY KEY,         -- SHA-256 of the bytes, which names the file
                    media_type TEXT NOT NULL,
                    bytes      INTEGER NOT NULL,
                    width      INTEGER NOT NULL,
                    height     INTEGER NOT NULL,
                    stored_at  INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE images (
                    token          TEXT PRIMARY KEY,     -- the capability in /files/{token}
                    job_id         TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
                    position       INTEGER NOT NULL,
                    digest         BLOB NOT NULL REFERENCES blobs (digest),
                    seed           INTEGER,
                    revised_prompt TEXT,
                    created_at     INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX images_by_job ON images (job_id, position);
                CREATE INDEX images_by_digest ON images (digest);
                CREATE INDEX images_by_age ON images (created_at);
                """),
        Migration(
            "0002 age and total of blobs",
            sql: """
                -- The newest link to a blob decides when it may go; kept beside it, it can be asked for in order.
                ALTER TABLE blobs ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
                UPDATE blobs SET used_at =
                    coalesce((SELECT max(created_at) FROM images WHERE images.digest = blobs.digest), stored_at);
                CREATE INDEX blobs_by_use ON blobs (used_at);
                DROP INDEX images_by_age;

                -- What all blobs take, so that nobody need add up millions of rows each minute.
                CREATE TABLE totals (
                    name  TEXT PRIMARY KEY,
                    bytes INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                INSERT INTO totals (name, bytes) SELECT 'blobs', coalesce(sum(bytes), 0) FROM blobs;
                CREATE TRIGGER blobs_added AFTER INSERT ON blobs BEGIN
                    UPDATE totals SET bytes = bytes + new.bytes WHERE name = 'blobs';
                END;
                CREATE TRIGGER blobs_removed AFTER DELETE ON blobs BEGIN
                    UPDATE totals SET bytes = bytes - old.bytes WHERE name = 'blobs';
                END;
                """),
        Migration(
            "0003 what a repeated request is known by, and all that its client was told",
            sql: """
                ALTER TABLE jobs ADD COLUMN idempotency_key TEXT;    -- the client's own name for its request
                ALTER TABLE jobs ADD COLUMN fingerprint BLOB;        -- SHA-256 of what was asked for
                ALTER TABLE jobs ADD COLUMN usage TEXT;              -- JSON: tokens, as the provider counted them
                ALTER TABLE jobs ADD COLUMN missing TEXT;            -- JSON array: why images are missing; NULL is none
                ALTER TABLE jobs ADD COLUMN error_status INTEGER;    -- the HTTP status that went with the error

                -- Few clients name their requests: the others' rows are not in the index, and cost it nothing.
                CREATE INDEX jobs_by_idempotency_key ON jobs (key_id, idempotency_key, id)
                    WHERE idempotency_key IS NOT NULL;
                CREATE INDEX jobs_by_fingerprint ON jobs (key_id, fingerprint, id) WHERE fingerprint IS NOT NULL;
                """),
        Migration(
            "0004 how much a key may use, keys that were replaced, and keys of the configuration",
            sql: """
                ALTER TABLE keys ADD COLUMN budget_day INTEGER;             -- NULL is no bound, here and below
                ALTER TABLE keys ADD COLUMN budget_month INTEGER;
                ALTER TABLE keys ADD COLUMN budget_total INTEGER;
                ALTER TABLE keys ADD COLUMN requests_per_minute INTEGER;
                ALTER TABLE keys ADD COLUMN images_per_minute INTEGER;
                ALTER TABLE keys ADD COLUMN concurrency INTEGER;            -- jobs under way at once
                ALTER TABLE keys ADD COLUMN expires_at INTEGER;
                ALTER TABLE keys ADD COLUMN unknown_prices INTEGER;         -- 1 allows them; NULL follows the budget
                ALTER TABLE keys ADD COLUMN declared INTEGER NOT NULL DEFAULT 0;  -- 1: the owner's file says what it is

                -- Keys that another has replaced under the same id, and that count for a while yet.
                CREATE TABLE former_keys (
                    hash        BLOB PRIMARY KEY,
                    key_id      TEXT NOT NULL REFERENCES keys (id),
                    valid_until INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                """),
        Migration(
            "0005 what each key has spent, and what it may have to",
            sql: """
                ALTER TABLE jobs ADD COLUMN reserved INTEGER;  -- the most the job can cost; NULL is unknown

                CREATE TABLE spending (
                    key_id   TEXT NOT NULL REFERENCES keys (id),
                    day      INTEGER NOT NULL,     -- of the jobs' acceptance, in days since 1970
                    reserved INTEGER NOT NULL,     -- the most that jobs under way can cost
                    spent    INTEGER NOT NULL,     -- what jobs that have ended did cost, or the most they can have
                    PRIMARY KEY (key_id, day)
                ) STRICT, WITHOUT ROWID;
                INSERT INTO spending (key_id, day, reserved, spent)
                    SELECT key_id, accepted_at / 86400000000, 0, coalesce(sum(cost), 0) FROM jobs GROUP BY 1, 2;

                -- In the job's own transaction, and once: a job that has ended does not end again.
                CREATE TRIGGER spending_reserved AFTER INSERT ON jobs BEGIN
                    INSERT INTO spending (key_id, day, reserved, spent)
                        VALUES (new.key_id, new.accepted_at / 86400000000, coalesce(new.reserved, 0), 0)
                        ON CONFLICT (key_id, day) DO UPDATE SET reserved = reserved + excluded.reserved;
                END;
                CREATE TRIGGER spending_settled AFTER UPDATE OF finished_at ON jobs
                    WHEN old.finished_at IS NULL AND new.finished_at IS NOT NULL
                BEGIN
                    UPDATE spending SET reserved = reserved - coalesce(new.reserved, 0),
                        spent = spent + coalesce(new.cost, new.reserved, 0)
                        WHERE key_id = new.key_id AND day = new.accepted_at / 86400000000;
                END;
                """),
        Migration(
            "0006 jobs that are to stop",
            sql: """
                ALTER TABLE jobs ADD COLUMN stop_asked_at INTEGER;  -- when somebody wanted it to stop; NULL is nobody
                """),
        Migration("0007 no index that no query takes", keepsReferences: true, sql: "DROP INDEX jobs_by_key;"),
        Migration(
            "0008 requests are looked for by the hour", keepsReferences: true,
            sql: """
                DROP INDEX jobs_by_fingerprint;
                ALTER TABLE jobs ADD COLUMN accepted_hour INTEGER;  -- hours since 1970; NULL: more than a day before 0008
                UPDATE jobs SET accepted_hour = accepted_at / 3600000000
                    WHERE id >= printf('req_%012x', (unixepoch() - 86400) * 1000);

                -- Digests are written all over an index; those of one hour are in a few pages of it.
                CREATE INDEX jobs_by_hour ON jobs (accepted_hour, key_id, fingerprint)
                    WHERE accepted_hour IS NOT NULL;
                """),
        Migration(
            "0009 small images in the ledger itself", keepsReferences: true,
            sql: """
                -- Each with its bytes, of its own: images and blobs are for those in files, which may share one.
                CREATE TABLE small_images (
                    id             INTEGER PRIMARY KEY,  -- in the order of writing, and so of age
                    token          TEXT NOT NULL UNIQUE,
                    job_id         TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
                    position       INTEGER NOT NULL,
                    seed           INTEGER,
                    revised_prompt TEXT,
                    created_at     INTEGER NOT NULL,
                    digest         BLOB NOT NULL,        -- SHA-256 of the bytes
                    media_type     TEXT NOT NULL,
                    width          INTEGER NOT NULL,
                    height         INTEGER NOT NULL,
                    content        BLOB NOT NULL         -- last: whoever wants the rest need not read it
                ) STRICT;
                CREATE INDEX small_images_by_job ON small_images (job_id);
                CREATE TRIGGER small_images_added AFTER INSERT ON small_images BEGIN
                    UPDATE totals SET bytes = bytes + length(new.content) WHERE name = 'blobs';
                END;
                CREATE TRIGGER small_images_removed AFTER DELETE ON small_images BEGIN
                    UPDATE totals SET bytes = bytes - length(old.content) WHERE name = 'blobs';
                END;
                """),
        Migration(
            "0010 unfinished jobs are those without an end", keepsReferences: true,
            sql: """
                -- For a list of states SQLite makes a table of them, every time that it writes a row.
                DROP INDEX jobs_unfinished;
                CREATE INDEX jobs_unfinished ON jobs (finished_at) WHERE finished_at IS NULL;
                """),
    ]
}
