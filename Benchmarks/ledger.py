"""How the ledger does when it is old: the same questions with 10 thousand to 10 million jobs in it.

The rows are made inside SQLite, a million in some ten seconds: jobs of a year, each with an attempt and an image, and
as many on the last day whatever the size, so that the answers are the same.
"""

import json
import sqlite3
import statistics
import subprocess
import time

from load import Request, wrk

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
#: Jobs of the last day, in every ledger.
RECENT = 5_000
DAY = 86_400_000_000  # microseconds

#: Row by row what Easel itself writes for a generation that went well.
ROWS = """
    CREATE TEMP TABLE numbers AS
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :batch)
        SELECT i + :first AS i FROM n;
    CREATE TEMP TABLE moments AS
        SELECT i, CASE WHEN i < :recent THEN :now - (i + 1) * (:day * 9 / 10 / :recent)
            ELSE :now - :day - (i - :recent + 1) * (364 * :day / :size) END AS at FROM numbers;
    CREATE TEMP TABLE fresh AS
        SELECT i, at, printf('req_%012x%s', at / 1000, lower(hex(randomblob(10)))) AS id, randomblob(32) AS digest
        FROM moments;
    INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images, wanted_images,
            accepted_at, finished_at, request_bytes, images, image_bytes, cost, report, fingerprint)
        SELECT id, :key, 'generate', 'model-' || (i % 10), 'done', '{"n":1,"size":"pixels(width: 1024, height: 1024)"}',
            21, 0, 1, at, at + 9000000, 100, 1, 1000000, 40000,
            '{"size":{"outcome":"applied","value":"1024x1024"}}', randomblob(32) FROM fresh ORDER BY id;
    INSERT INTO attempts (job_id, ordinal, provider, model, state, submitted_at, answered_at, upstream_status)
        SELECT id, 1, 'provider-' || (i % 3), 'gpt-image-2', 'done', at, at + 8000000, 200 FROM fresh ORDER BY id;
    INSERT INTO blobs (digest, media_type, bytes, width, height, stored_at, used_at)
        SELECT digest, 'image/png', 1000000, 577, 577, at, at FROM fresh ORDER BY digest;
    INSERT INTO images (token, job_id, position, digest, created_at)
        SELECT lower(hex(randomblob(17))), id, 0, digest, at FROM fresh;
    DROP TABLE numbers; DROP TABLE moments; DROP TABLE fresh;
"""


def measure(field, is_quick):
    """By size: seconds that each question takes."""
    field.holder.start() if field.holder.process is None else None
    result = {}
    for size in SIZES[:2] if is_quick else SIZES:
        server = field.fresh("easel")
        server.settings |= {"results": {"keep": "3650d", "max_disk": "unlimited"}}
        try:
            server.stop()
            started = time.monotonic()
            some = fill(server.folder / "data/easel.sqlite", size)
            filled = time.monotonic() - started
            server.start()
            result[size] = questions(field, server, some) | {
                "filling": filled,
                "bytes": (server.folder / "data/easel.sqlite").stat().st_size,
            }
            print(f"    {size:,} jobs: {json.dumps(result[size])}", flush=True)
        finally:
            server.stop()
            subprocess.run(["rm", "-rf", server.folder / "data"], check=True)
    return result


def fill(path, size, batch=200_000):
    """Fills the ledger; the id of one of its jobs, from the middle."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000;")
    database.execute("PRAGMA foreign_keys = OFF")
    [key] = database.execute("SELECT id FROM keys").fetchone()
    values = {"size": size, "recent": RECENT, "now": time.time_ns() // 1000, "day": DAY, "key": key}
    # The oldest last in each batch and the batches from the oldest on: ids come in their order, as in life.
    for first in reversed(range(0, size, batch)):
        database.execute("BEGIN")
        for statement in ROWS.split(";")[:-1]:
            database.execute(statement, values | {"first": first, "batch": min(batch, size - first)})
        database.execute("COMMIT")
    database.execute("PRAGMA journal_mode = WAL")
    moment = f"req_{(values['now'] - 180 * DAY) // 1000:012x}"
    [some] = database.execute("SELECT id FROM jobs WHERE id >= ? ORDER BY id LIMIT 1", [moment]).fetchone() or [None]
    [some] = [some] if some else database.execute("SELECT id FROM jobs ORDER BY id LIMIT 1").fetchone()
    database.close()
    return some


def questions(field, server, job):
    order = {"model": "small", "prompt": "an otter", "size": "1024x1024", "response_format": "url"}
    request = Request("POST", "/v1/images/generations", order)
    wrk(server, request, 1, 1, field.folder)
    return {
        "a request, p50": wrk(server, request, 1, 5, field.folder)["p50"],
        "jobs show": command(server, "jobs", "show", job),
        "jobs list": command(server, "jobs", "list"),
        "usage --since 1d": command(server, "usage", "--since", "1d"),
    }


def command(server, *arguments):
    """The median of some runs, the start of the process included."""
    times = []
    for _ in range(7):
        started = time.monotonic()
        server.run(*arguments)
        times.append(time.monotonic() - started)
    return statistics.median(times)
