"""`easel check --data`: the ledger and the images on disk, beside a running gateway and after its end."""

import hashlib
import json
import os
import signal
import sqlite3
import time

import pytest

from gateway import eventually


@pytest.fixture
def gateway(start):
    """A gateway that has made two images."""
    gateway = start()
    for prompt in ("an otter", "another otter"):
        gateway.client.images.generate(prompt=prompt)
    return gateway


def blobs(gateway):
    return sorted(path for path in (gateway.data / "blobs").rglob("*") if path.is_file())


def differences(gateway, *flags):
    """What the check found, by kind; it also says so by its exit code."""
    report = json.loads(gateway.run("check", "--data", "--json", *flags, exit_code=1).rsplit("easel: ", 1)[0])
    return [(difference["kind"], difference["place"]) for difference in report["differences"]]


def kill(gateway):
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()
    gateway.process = None


@pytest.mark.parametrize("flags", [[], ["--deep"]], ids=["short", "deep"])
def test_what_a_gateway_has_stored_agrees_while_it_runs_and_afterwards(gateway, flags):
    length = sum(path.stat().st_size for path in blobs(gateway))
    assert len(blobs(gateway)) == 2
    expected = f"ledger and images agree: 2 jobs, 2 images, {length} bytes\n"
    assert gateway.run("check", "--data", *flags) == expected
    gateway.stop()
    assert gateway.run("check", "--data", *flags) == expected


def test_a_missing_and_a_damaged_image_are_found_while_the_gateway_runs(gateway):
    missing, damaged = blobs(gateway)
    missing.unlink()
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert differences(gateway) == [("missing", str(missing))]
    assert sorted(differences(gateway, "--deep")) == [("damaged", str(damaged)), ("missing", str(missing))]

    damaged.write_bytes(content[:-1])
    told = gateway.run("check", "--data", exit_code=1).splitlines()
    assert len(told) == 3
    assert f"has {len(content) - 1} bytes instead of {len(content)}; restore the file from a backup" in "".join(told)
    assert told[-1] == f"easel: 2 differences in the data folder '{gateway.data}'"
    assert gateway.is_alive


def test_a_file_that_no_row_names_is_found_once_it_is_none_of_the_gateways_doing(gateway):
    digest = hashlib.sha256(b"seal").hexdigest()
    orphan = gateway.data / "blobs" / digest[:2] / digest[2:]
    orphan.write_bytes(b"seal")
    gateway.run("check", "--data")
    # Held still, for it looks for such files itself after its start, and deletes them.
    gateway.process.send_signal(signal.SIGSTOP)
    hour_ago = time.time() - 3600
    os.utime(orphan, (hour_ago, hour_ago))
    assert differences(gateway) == [("orphan", str(orphan))]
    gateway.process.send_signal(signal.SIGCONT)


def test_what_a_crash_leaves_is_noted_and_finished_by_the_next_start(gateway):
    kill(gateway)
    (gateway.data / "spool" / ".temporary-0123").write_bytes(b"half an image")
    with sqlite3.connect(gateway.data / "easel.sqlite") as books:
        books.execute("UPDATE jobs SET state = 'submitted', finished_at = NULL WHERE id = (SELECT max(id) FROM jobs)")
    books.close()
    told = gateway.run("check", "--data").splitlines()
    assert told[0].startswith("note: jobs that are not finished: 1;")
    assert told[1].startswith(f"note: files in {gateway.data}/spool of a run that was cut off: 1, 13 bytes;")
    assert told[2].startswith("ledger and images agree: ")
    gateway.start()
    assert not list((gateway.data / "spool").iterdir())
    assert gateway.run("check", "--data").startswith("ledger and images agree: ")


def test_an_image_that_a_crash_kept_from_being_written_down_is_deleted_after_the_next_start(gateway):
    kill(gateway)
    digest = hashlib.sha256(b"seal").hexdigest()
    orphan = gateway.data / "blobs" / digest[:2] / digest[2:]
    orphan.write_bytes(b"seal")
    assert differences(gateway) == [("orphan", str(orphan))]
    gateway.start()
    eventually(lambda: not orphan.exists(), within=20)
    assert len(blobs(gateway)) == 2
    gateway.run("check", "--data")
    eventually(lambda: 'message="deleted orphaned images" images=1 bytes=4' in gateway.log.read_text())


def test_a_row_that_refers_to_nothing_is_found(gateway):
    gateway.stop()
    [path, _] = blobs(gateway)
    books = sqlite3.connect(gateway.data / "easel.sqlite")
    books.execute("DELETE FROM blobs WHERE digest = ?", [bytes.fromhex(path.parent.name + path.name)])
    books.commit()
    books.close()
    told = gateway.run("check", "--data", exit_code=1)
    assert "1 rows of 'images' refer to rows of 'blobs' that do not exist" in told
    assert f"orphan: {path}: no row names this image" in told


def test_a_damaged_database_is_told_with_what_to_do(gateway):
    gateway.stop()
    path = gateway.data / "easel.sqlite"
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        if content[page] in (2, 10):  # a page of an index
            content[page + 8 : page + 200] = b"\xff" * 192
    path.write_bytes(content)
    before = path.read_bytes()
    told = gateway.run("check", "--data", exit_code=1)
    assert str(path) in told
    assert "restore it from a backup" in told
    assert path.read_bytes() == before


def test_a_folder_without_data_is_refused_and_left_alone(start, tmp_path):
    gateway = start()
    gateway.stop()
    settings = json.loads(gateway.config.read_text()) | {"data": str(tmp_path / "nothing")}
    gateway.config.write_text(json.dumps(settings))
    assert "easel serve" in gateway.run("check", "--data", exit_code=1)
    assert not (tmp_path / "nothing").exists()
