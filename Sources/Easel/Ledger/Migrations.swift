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
    ]
}
