"""How the ledger does when it is old: the same questions with 10 thousand to 10 million jobs in it.

The rows are made inside SQLite, ten million in some minutes: jobs of a year, each with an attempt and an image, and as
many on the last day whatever the size, so that the answers are the same.
"""

import json
import shutil
import sqlite3
import statistics
import time

import servers
from load import Request, wrk

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
#: Jobs of the last day, in every ledger.
RECENT = 5_000
DAY = 86_400_000_000  # microseconds

#: Row by row what Easel itself writes for a generation that went well, in the order of each table's own key.
ROWS = """
    CREATE TEMP TABLE numbers AS
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :batch)
        SELECT i + :first AS i FROM n;
    CREATE TEMP TABLE moments AS
        SELECT i, CASE WHEN i < :recent THEN :now - (i + 1) * (:day * 9 / 10 / :recent)
            ELSE :now - :day - (i - :recent + 1) * (364 * :day / :size) END AS at FROM numbers;
    CREATE TEMP TABLE fresh AS
        SELECT i, at, printf('req_%012x%s', at / 1000, lower(hex(randomblob(10)))) AS id, randomblob(32) AS digest
        FROM moments ORDER BY id;
    INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images, wanted_images,
            accepted_at, accepted_hour, finished_at, request_bytes, images, image_bytes, cost, reserved, report,
            fingerprint)
        SELECT id, :key, 'generate', 'model-' || (i % 10), 'done', '{"n":1,"size":"pixels(width: 1024, height: 1024)"}',
            21, 0, 1, at, at / 3600000000, at + 9000000, 100, 1, 1000000, 40000, 40000,
            '{"size":{"outcome":"applied","value":"1024x1024"}}', randomblob(32) FROM fresh;
    INSERT INTO attempts (job_id, ordinal, provider, model, state, submitted_at, answered_at, upstream_status)
        SELECT id, 1, 'provider-' || (i % 3), 'gpt-image-2', 'done', at, at + 8000000, 200 FROM fresh;
    INSERT INTO blobs (digest, media_type, bytes, width, height, stored_at, used_at)
        SELECT digest, 'image/png', 1000000, 577, 577, at, at FROM fresh ORDER BY digest;
    INSERT INTO images (token, job_id, position, digest, created_at)
        SELECT lower(hex(randomblob(17))) AS token, id, 0, digest, at FROM fresh ORDER BY token;
    DROP TABLE numbers; DROP TABLE moments; DROP TABLE fresh;
"""
#: What triggers would have added up.
SUMS = """
    INSERT INTO spending (key_id, day, reserved, spent)
        SELECT key_id, accepted_at / :day, 0, sum(cost) FROM jobs GROUP BY 1, 2
        ON CONFLICT (key_id, day) DO UPDATE SET spent = excluded.spent;
    UPDATE totals SET bytes = (SELECT sum(bytes) FROM blobs) WHERE name = 'blobs';
"""


def measure(field, options):
    """By size: the median seconds that each question takes, asked in rounds of all sizes."""
    folder = options.keep_ledgers or field.folder / "ledgers"
    sizes = SIZES[:2] if options.quick else SIZES
    settings = {"results": {"keep": "3650d", "max_disk": "unlimited"}}
    ledgers = {size: servers.Easel(folder / str(size), field.routes, **settings) for size in sizes}
    rounds = {size: [] for size in sizes}
    try:
        known = {size: filled(server, size) for size, server in ledgers.items()}
        for _ in range(min(options.rounds, 3)):
            for size, server in ledgers.items():
                server.start()
                rounds[size].append(questions(field, server, known[size]))
                server.stop()
    finally:
        for server in ledgers.values():
            server.stop()
        if not options.keep_ledgers:
            shutil.rmtree(folder)
    medians = {
        size: {question: statistics.median(one[question] for one in asked) for question in asked[0]}
        for size, asked in rounds.items()
    }
    return {size: medians[size] | known[size]["figures"] for size in sizes}


def filled(server, size):
    """Has the server's folder hold a ledger of that size, unless it does already; what is known of it."""
    known = server.folder / "ledger.json"
    if not known.exists():
        server.start()
        server.stop()
        started = time.time()
        ledger = server.folder / "data/easel.sqlite"
        job = fill(ledger, size)
        figures = {"filling": time.time() - started, "bytes": ledger.stat().st_size}
        print(f"    {size:,} jobs: {figures['bytes'] / 1e6:,.0f} MB, filled in {figures['filling']:.0f} s", flush=True)
        known.write_text(json.dumps({"key": server.authorization, "job": job, "when": started, "figures": figures}))
    old = json.loads(known.read_text())
    server.authorization = old["key"]
    return old


def fill(path, size, batch=500_000):
    """Fills the ledger; the id of one of its jobs, from the middle."""
    database = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "temp_store = MEMORY"):
        database.execute(f"PRAGMA {setting}")
    database.execute("PRAGMA cache_size = -2000000")
    # All at once afterwards they take a fraction of the time.
    made = database.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql <> ''"
    )
    made = made.fetchall()
    for kind, name, _ in made:
        database.execute(f"DROP {kind} {name}")
    [key] = database.execute("SELECT id FROM keys").fetchone()
    now = time.time_ns() // 1000
    values = {"size": size, "recent": RECENT, "now": now, "day": DAY, "key": key}
    # The oldest come first, as in life.
    for first in reversed(range(0, size, batch)):
        run(database, ROWS, values | {"first": first, "batch": min(batch, size - first)})
    run(database, SUMS, values)
    for *_, sql in made:
        database.execute(sql)
    database.execute("PRAGMA journal_mode = WAL")
    # Of the smallest ledger, too, most jobs are older than that.
    moment = f"req_{(now - 180 * DAY) // 1000:012x}"
    [job] = database.execute("SELECT id FROM jobs WHERE id >= ? ORDER BY id LIMIT 1", [moment]).fetchone()
    database.close()
    return job


def run(database, script, values):
    database.execute("BEGIN")
    for statement in script.split(";")[:-1]:
        database.execute(statement, values)
    database.execute("COMMIT")


def questions(field, server, old):
    order = {"model": "small", "prompt": "an otter", "size": "1024x1024", "response_format": "url"}
    admission = Request("POST", "/v1/images/generations", order)
    account = Request("GET", f"/v1/images/jobs/{old['job']}")
    # Of a ledger that was kept the same jobs count as on the day it was filled.
    age = int((time.time() - old["when"]) / 60)
    for request in (admission, account):
        wrk(server, request, 1, 1, field.folder)
    return {
        "a request, p50": wrk(server, admission, 1, 5, field.folder)["p50"],
        "a job, p50": wrk(server, account, 1, 2, field.folder)["p50"],
        "jobs show": command(server, "jobs", "show", old["job"]),
        "jobs list": command(server, "jobs", "list"),
        "usage --since 1d": command(server, "usage", "--since", f"{24 * 60 + age}m"),
    }


def command(server, *arguments):
    """The median of some runs, the start of the process included."""
    times = []
    for _ in range(7):
        started = time.monotonic()
        server.run(*arguments)
        times.append(time.monotonic() - started)
    return statistics.median(times)
