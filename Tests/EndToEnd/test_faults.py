"""Faults of the machine: each gives a clear error, loses no row, and is over when its cause is."""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest

import machine
import upstreams
import upstreams_queues
from conftest import ending, serving
from gateway import BINARY, Gateway, assert_error, eventually
from pictures import filed_picture, opened, picture

BODY = {"model": "picture", "prompt": "an otter"}


@pytest.fixture
def disk(tmp_path):
    try:
        disk = machine.SmallDisk(tmp_path / "disk")
    except machine.NoNamespaces as reason:
        pytest.skip(str(reason))
    yield disk
    disk.close()


@pytest.fixture
def small(disk, tmp_path):
    """small(upstream) gives a gateway whose data is on the small disk."""
    gateways = []

    def small(upstream, **configuration):
        gateway = gateway_of(upstream, tmp_path, data=str(disk.folder / "data"), **configuration)
        gateway.wrapper = disk.wrapper
        gateway.data = disk.inside / "data"
        gateways.append(gateway)
        return gateway.start()

    yield from ending(gateways, small)


@pytest.fixture
def little_room(openai_upstream, tmp_path):
    """A gateway whose owner wants more room on the disk than there is."""
    gateway = gateway_of(openai_upstream, tmp_path, results={"min_free": "9TB"})
    yield from ending([gateway], gateway.start())


@pytest.fixture
def poor():
    """poor(upstream) gives a gateway of a user who owns its data folder and nothing else; it is not started yet."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="easel-poor-"))
    home.chmod(0o755)
    gateways = []

    def poor(upstream):
        gateway = gateway_of(upstream, home)
        gateway.data.mkdir()
        machine.give_to_nobody(gateway.data)
        gateway.wrapper = machine.as_nobody()
        gateways.append(gateway)
        return gateway

    try:
        yield from ending(gateways, poor)
    finally:
        for path in [home, *home.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(home)


@pytest.fixture
def bounded(openai_upstream, tmp_path):
    """bounded(soft, hard) gives a gateway that may have only so many files open."""
    gateways = []

    def bounded(soft, hard):
        gateway = gateway_of(openai_upstream, tmp_path)
        gateway.wrapper = ["prlimit", f"--nofile={soft}:{hard}"]
        gateways.append(gateway)
        return gateway.start()

    yield from ending(gateways, bounded)


def gateway_of(upstream, folder, **configuration):
    provider = {"dialect": upstream.dialect, "base_url": upstream.base_url, "api_key": "${UPSTREAM_KEY}"}
    return Gateway(
        folder,
        **{
            "providers": {"upstream": provider},
            "models": {"picture": {"routes": [{"provider": "upstream", "model": upstream.model, "price": 0.025}]}},
            "allow_private": ["127.0.0.0/8"],
            "defaults": {},
            "results": {"min_free": "0"},
        }
        | configuration,
    )


@pytest.fixture
def queue():
    yield from serving(upstreams_queues.Fal())


class Client(threading.Thread):
    """One request beside the test; `answer` is None when it got none."""

    def __init__(self, easel, **body):
        super().__init__(daemon=True)
        self.easel, self.body, self.answer = easel, BODY | body, None
        self.start()

    def run(self):
        try:
            self.answer = self.easel.post("/v1/images/generations", self.body)
        except OSError:
            pass


def states(easel):
    return [job["state"] for job in easel.jobs()]


def only_job(easel):
    [job] = easel.jobs()
    return job


def image_of(easel, job):
    """The picture of a finished job, as its client would fetch it afterwards."""
    view = easel.get(f"/v1/images/jobs/{job}").json
    assert view["state"] == "done", view
    [item] = view["data"]
    return easel.fetch(item["url"]).body


def refusal_to_start(easel):
    """What it says, and how it exits, when it cannot start: one sentence, and never a signal."""
    done = subprocess.run(
        [*easel.wrapper, BINARY, "serve", "--config", easel.config],
        capture_output=True,
        text=True,
        env=easel.environment,
        cwd=easel.folder,
        timeout=20,
    )
    assert done.returncode == 1, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    errors = [line for line in done.stderr.splitlines() if line.startswith("easel: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


# A full disk


def noise(pixels=200):
    """A picture that takes its room: 120 kB."""
    return picture(width=pixels, height=pixels, format="BMP")


def event(data):
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def test_a_full_disk_refuses_clearly_and_buys_nothing_it_cannot_write_down(small, disk, openai_upstream):
    easel = small(openai_upstream)
    disk.fill()
    for _ in range(5):
        # What the write-ahead log has room for may still be taken, as long as it is all true afterwards.
        answer = easel.post("/v1/images/generations", BODY)
        if not openai_upstream.calls:
            error = assert_error(answer, answer.status, type=...)
            assert answer.status in (500, 503, 507)
            assert re.search("disk|written down|room", error["message"]), error
            assert answer.headers["x-should-retry"] != "true" or answer.status == 503
    assert easel.is_alive
    disk.make_room()
    eventually(lambda: easel.post("/v1/images/generations", BODY).status == 200, within=15)
    eventually(lambda: "submitted" not in states(easel) and "storing" not in states(easel), within=30)
    assert len(openai_upstream.calls) == len(easel.jobs())
    assert set(states(easel)) == {"done"}
    assert "disk is full" in easel.log.read_text() or len(openai_upstream.calls) == 6


def test_nothing_is_bought_while_the_disk_has_less_room_than_the_owner_wants(little_room, openai_upstream):
    error = assert_error(little_room.post("/v1/images/generations", BODY), 507, type="server_error")
    assert error["code"] == "insufficient_storage"
    assert "results.min_free" in error["message"]
    assert openai_upstream.calls == []
    assert little_room.jobs() == []
    assert "disk is nearly full" in little_room.log.read_text()


@pytest.mark.parametrize("files", [False, True], ids=["no byte", "no file"])
@pytest.mark.parametrize("delivery", ["base64", "link", "bytes", "stream"])
def test_an_image_bought_while_the_disk_was_full_is_stored_once_there_is_room(
    small, disk, openai_upstream, delivery, files
):
    easel = small(openai_upstream)
    made = noise()
    item = {"b64_json": base64.b64encode(made).decode()}
    if delivery == "link":
        item = {"url": openai_upstream.publish(made)}
    answers = {
        "bytes": upstreams.status(200, made, "image/bmp"),
        "stream": upstreams.status(200, event(item | {"type": "image_generation.completed"}), "text/event-stream"),
    }
    whole = upstreams.status(200, {"created": 1, "data": [item]})
    openai_upstream.answer_with(answers.get(delivery, whole))
    openai_upstream.pause()
    client = Client(easel, **({"stream": True, "partial_images": 1} if delivery == "stream" else {}))
    openai_upstream.wait_for_calls()
    disk.fill(files)
    openai_upstream.resume()
    time.sleep(3)  # it is in trouble by now
    assert easel.is_alive
    assert only_job(easel)["state"] in ("submitted", "storing")
    disk.make_room()
    eventually(lambda: states(easel) == ["done"], within=60)
    assert len(openai_upstream.calls) == 1
    assert image_of(easel, only_job(easel)["id"]) == made
    client.join(10)
    assert client.answer.status == 200
    easel.run("check", "--data", "--deep")


def test_a_queue_task_goes_on_while_the_disk_is_full(small, disk, queue):
    easel = small(queue)
    queue.answer_questions_with(*[upstreams.status(202, {"status": "IN_PROGRESS", "logs": []})] * 1000)
    made = noise()
    queue.make_next(made)
    Client(easel)
    eventually(lambda: queue.questions)
    disk.fill()
    queue.answer_questions_as_usual()
    time.sleep(3)
    assert easel.is_alive
    disk.make_room()
    eventually(lambda: states(easel) == ["done"], within=60)
    assert len(queue.calls) == 1
    assert image_of(easel, only_job(easel)["id"]) == made


def test_what_was_bought_on_a_full_disk_survives_a_kill(small, disk, openai_upstream):
    """The link is in the ledger before the download: the next start fetches what there was no room for."""
    easel = small(openai_upstream)
    made = noise()
    link = openai_upstream.publish(made)
    openai_upstream.answer_with(upstreams.status(200, {"created": 1, "data": [{"url": link}]}))
    openai_upstream.pause()
    Client(easel)
    openai_upstream.wait_for_calls()
    openai_upstream.answer_downloads_with(*[upstreams.status(500)] * 1000)
    openai_upstream.resume()
    eventually(lambda: openai_upstream.downloads)
    disk.fill()
    openai_upstream._scripted_downloads.clear()
    time.sleep(2)
    easel.kill()
    disk.make_room()
    easel.start()
    eventually(lambda: states(easel) == ["done"], within=30)
    assert len(openai_upstream.calls) == 1
    assert image_of(easel, only_job(easel)["id"]) == made


def test_a_gateway_that_starts_on_a_full_disk_loses_no_row(small, disk, openai_upstream):
    easel = small(openai_upstream)
    before = [easel.post("/v1/images/generations", BODY).json["easel"]["id"] for _ in range(3)]
    easel.stop()
    disk.fill()
    easel.launch()
    if exited := waits_for_start(easel):
        assert exited == 1, f"exited with {exited}"
        assert "disk is full" in easel.log.read_text()
        easel.process = None
    else:
        assert easel.is_alive
        easel.stop()
    disk.make_room()
    easel.start()
    assert [job["id"] for job in easel.jobs()] == before[::-1]
    assert image_of(easel, before[0])
    assert easel.post("/v1/images/generations", BODY).status == 200


def waits_for_start(easel):
    """The exit code of a gateway that could not start, or None for one that could."""
    deadline = time.monotonic() + 20
    while easel.process.poll() is None:
        assert time.monotonic() < deadline, "neither started nor ended"
        try:
            if easel.get("/healthz", key=None).status == 200:
                return None
        except OSError:
            time.sleep(0.05)
    return easel.process.returncode


# A database and folders that may not be written, or read


def test_a_database_that_may_not_be_written_is_told_at_the_start(poor, openai_upstream):
    easel = poor(openai_upstream).start()
    job = easel.post("/v1/images/generations", BODY).json["easel"]["id"]
    easel.stop()
    database = easel.data / "easel.sqlite"
    protected = [path for path in easel.data.iterdir() if path.is_file()] + [easel.data]
    for path in protected:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = database.read_bytes()
    told = [refusal_to_start(easel) for _ in range(2)]
    assert str(easel.data) in told[0]
    assert re.search(r"writ|permission|read-only|readonly", told[0], re.IGNORECASE), told[0]
    assert told[0] == told[1]
    assert database.read_bytes() == before

    for path in protected:
        path.chmod(0o755 if path.is_dir() else 0o644)
    easel.start()
    assert only_job(easel)["id"] == job
    assert image_of(easel, job) == openai_upstream.made[0]


@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_a_data_folder_without_permissions_is_told_at_the_start(poor, openai_upstream, mode):
    easel = poor(openai_upstream)
    easel.data.chmod(mode)
    told = refusal_to_start(easel)
    assert str(easel.data) in told
    assert "ermission" in told or "not writable" in told, told
    easel.data.chmod(0o755)
    easel.start()
    assert easel.post("/v1/images/generations", BODY).status == 200


def test_a_data_folder_of_somebody_else_is_told_at_the_start(poor, openai_upstream):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    easel = poor(openai_upstream)
    for path in [easel.data]:
        os.chown(path, 0, 0)
        path.chmod(0o755)
    told = refusal_to_start(easel)
    assert str(easel.data) in told
    assert "ermission" in told, told


def test_images_that_can_no_longer_be_stored_are_kept_until_they_can(poor, openai_upstream):
    """The folder of images is taken away while the gateway runs, as by a mistaken chown."""
    easel = poor(openai_upstream).start()
    openai_upstream.make_next(filed_picture())
    blobs = easel.data / "blobs"
    folders = [path for path in blobs.iterdir() if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    client = Client(easel)
    openai_upstream.wait_for_calls()
    time.sleep(2)
    assert easel.is_alive
    for folder in folders:
        folder.chmod(0o755)
    eventually(lambda: states(easel) == ["done"], within=60)
    assert len(openai_upstream.calls) == 1
    assert image_of(easel, only_job(easel)["id"]) == openai_upstream.made[0]
    client.join(10)
    assert client.answer.status == 200


def test_nothing_is_bought_while_the_data_folder_is_elsewhere(start, openai_upstream):
    """What is stored then goes to files that no name leads to, and is gone with the process."""
    easel = start(openai_upstream)
    aside = easel.data.with_name("aside")
    easel.data.rename(aside)
    assert_error(easel.post("/v1/images/generations", BODY), 507, type="server_error", code="insufficient_storage")
    aside.rename(easel.data)
    assert easel.post("/v1/images/generations", BODY).status == 200
    assert len(openai_upstream.calls) == 1


# What the process is started with


def test_streams_that_were_closed_are_nobody_elses(start):
    """The lowest numbers go to what is opened next: the log would be written into a socket, or a file of images."""
    easel = start()
    easel.stop()
    easel.wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    easel.start()
    assert [os.readlink(f"/proc/{easel.process.pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3


def test_nobody_else_may_read_what_is_stored(start, tmp_path):
    """Also where the data folder was there before, and lets everybody in."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    easel = start(data=str(data))
    easel.post("/v1/images/generations", BODY | {"model": "sandbox"})
    assert {path.name: path.stat().st_mode & 0o077 for path in data.rglob("*") if path.stat().st_mode & 0o077} == {}


# No descriptor left


def test_clients_cannot_take_every_descriptor(bounded):
    easel = bounded(64, 64)
    connections = [easel.connect() for _ in range(100)]
    order = json.dumps(BODY | {"size": "1024x1024"}).encode()
    connections[0].sendall(
        f"POST /v1/images/generations HTTP/1.1\r\nHost: easel\r\nAuthorization: Bearer {easel.key}\r\n"
        f"Content-Length: {len(order)}\r\n\r\n".encode()
        + order
    )
    assert connections[0].recv(100).startswith(b"HTTP/1.1 200 ")
    for connection in connections:
        connection.close()
    assert easel.is_alive


def test_as_many_files_may_be_open_as_the_system_allows(bounded):
    easel = bounded(64, 512)
    assert resource.prlimit(easel.process.pid, resource.RLIMIT_NOFILE) == (512, 512)


@contextlib.contextmanager
def no_more_files(easel):
    """The process may open no other file, as when its clients have taken all descriptors."""
    limits = resource.prlimit(easel.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(easel.process.pid, resource.RLIMIT_NOFILE, (10, limits[1]))
    yield
    resource.prlimit(easel.process.pid, resource.RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def no_folder(easel):
    """The folder of bytes on their way is moved aside, as by somebody who tidies up."""
    spool, aside = easel.data / "spool", easel.data / "aside"
    spool.rename(aside)
    yield
    aside.rename(spool)


FORM = (
    b'--otter\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nan otter\r\n'
    b'--otter\r\nContent-Disposition: form-data; name="image"; filename="otter.png"\r\n\r\n%s\r\n--otter--\r\n'
)


@pytest.mark.parametrize("order", ["sandbox", "upstream", "json", "form"])
def test_who_orders_while_no_file_can_be_opened_is_refused_and_told_no_path(start, openai_upstream, order):
    """The first order: nothing that is needed later may have been put off until it comes."""
    easel = start(openai_upstream)
    link = f"data:image/png;base64,{base64.b64encode(noise()).decode()}"
    path, body, type = {
        "sandbox": ("generations", json.dumps(BODY | {"model": "sandbox"}), "application/json"),
        "upstream": ("generations", json.dumps(BODY), "application/json"),
        "json": ("edits", json.dumps(BODY | {"image": link}), "application/json"),
        "form": ("edits", FORM % noise(), "multipart/form-data; boundary=otter"),
    }[order]
    connection = http.client.HTTPConnection("127.0.0.1", easel.port, timeout=10)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    with no_more_files(easel):
        fields = {"Authorization": f"Bearer {easel.key}", "Content-Type": type}
        connection.request("POST", f"/v1/images/{path}", body, fields)
        answer = connection.getresponse()
        assert answer.status >= 500
        assert str(easel.data) not in answer.read().decode()
    connection.close()
    assert easel.is_alive
    assert not openai_upstream.calls


@pytest.mark.parametrize("delivery", ["base64", "bytes", "stream"])
@pytest.mark.parametrize("fault", [no_more_files, no_folder])
def test_an_answer_that_cannot_be_written_down_is_kept_until_it_can(start, openai_upstream, delivery, fault):
    easel = start(openai_upstream)
    made = noise()
    item = {"b64_json": base64.b64encode(made).decode()}
    openai_upstream.answer_with(
        {
            "base64": upstreams.status(200, {"created": 1, "data": [item]}),
            "bytes": upstreams.status(200, made, "image/bmp"),
            "stream": upstreams.status(200, event(item | {"type": "image_generation.completed"}), "text/event-stream"),
        }[delivery]
    )
    openai_upstream.pause()
    client = Client(easel, **({"stream": True, "partial_images": 1} if delivery == "stream" else {}))
    openai_upstream.wait_for_calls()
    with fault(easel):
        openai_upstream.resume()
        eventually(lambda: "cannot store an answer, trying again" in easel.log.read_text())
    eventually(lambda: states(easel) == ["done"])
    assert len(openai_upstream.calls) == 1
    assert image_of(easel, only_job(easel)["id"]) == made
    client.join(10)
    assert client.answer.status == 200


def test_a_damaged_database_is_told_at_the_start_and_left_as_it_is(start, openai_upstream):
    easel = start(openai_upstream)
    easel.post("/v1/images/generations", BODY)
    easel.stop()
    database = easel.data / "easel.sqlite"
    good = database.read_bytes()
    database.write_bytes(b"otter" * 1000 + good[5000:])
    damaged = database.read_bytes()
    told = refusal_to_start(easel)
    assert str(easel.data) in told
    assert re.search("database|backup", told), told
    assert database.read_bytes() == damaged

    database.write_bytes(good)
    easel.start()
    assert states(easel) == ["done"]


# Images that are damaged or gone


@pytest.fixture
def bought(start, openai_upstream):
    """A gateway with two images in files, and their jobs."""
    easel = start(openai_upstream)
    openai_upstream.make_next(filed_picture(1), filed_picture(2))
    jobs = [easel.post("/v1/images/generations", BODY).json["easel"]["id"] for _ in range(2)]
    return easel, jobs


def blob(easel, bytes):
    [path] = [path for path in (easel.data / "blobs").rglob("*") if path.is_file() and path.read_bytes() == bytes]
    return path


def link_of(easel, job):
    [item] = easel.get(f"/v1/images/jobs/{job}").json["data"]
    return item["url"]


@pytest.mark.parametrize("damage", ["missing", "cut short", "longer", "empty", "unreadable"])
def test_a_damaged_image_is_an_error_and_never_other_bytes(bought, openai_upstream, damage):
    easel, (damaged, sound) = bought
    made = openai_upstream.made
    path = blob(easel, made[0])
    if damage == "missing":
        path.unlink()
    elif damage == "unreadable":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"cut short": made[0][:50], "longer": made[0] + b"otter", "empty": b""}[damage])
    answer = easel.fetch(link_of(easel, damaged))
    error = assert_error(answer, answer.status, type=...)
    assert answer.status in (404, 410, 500), error
    assert easel.fetch(link_of(easel, sound)).body == made[1]
    assert easel.is_alive
    if damage != "unreadable":
        told = easel.run("check", "--data", exit_code=1)
        assert str(path) in told
        path.write_bytes(made[0])
        assert easel.fetch(link_of(easel, damaged)).body == made[0]
        easel.run("check", "--data")
    else:
        path.rmdir()


def test_a_damaged_image_does_not_disturb_the_next_start(bought, openai_upstream):
    easel, (damaged, sound) = bought
    path = blob(easel, openai_upstream.made[0])
    path.write_bytes(b"otter")
    easel.kill()
    easel.start()
    assert set(states(easel)) == {"done"}
    assert opened(image_of(easel, sound))
    assert easel.fetch(link_of(easel, damaged)).status in (404, 410, 500)
    assert path.exists(), "what is damaged is for its owner to judge"


def test_an_image_of_the_right_length_with_other_bytes_is_found_by_a_deep_check(bought, openai_upstream):
    easel, (damaged, _) = bought
    path = blob(easel, openai_upstream.made[0])
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    assert str(path) in easel.run("check", "--data", "--deep", exit_code=1)
    assert easel.is_alive


def test_other_bytes_in_the_ledger_are_found_by_a_deep_check(start, openai_upstream):
    easel = start(openai_upstream)
    job = easel.post("/v1/images/generations", BODY).json["easel"]["id"]
    assert easel.fetch(link_of(easel, job)).body == openai_upstream.made[0]
    with sqlite3.connect(easel.data / "easel.sqlite") as books:
        [(content,)] = books.execute("SELECT content FROM small_images").fetchall()
        assert content == openai_upstream.made[0]
        books.execute("UPDATE small_images SET content = ?", [content[:40] + b"otter" + content[45:]])
    books.close()
    easel.run("check", "--data")
    assert job in easel.run("check", "--data", "--deep", exit_code=1)


def test_buying_a_damaged_image_again_mends_it(bought, openai_upstream):
    """The same bytes from a provider have the same name on disk: what is stored must be what was delivered."""
    easel, (damaged, _) = bought
    made = openai_upstream.made[0]
    path = blob(easel, made)
    path.write_bytes(b"otter")
    openai_upstream.make_next(made)
    again = easel.post("/v1/images/generations", BODY)
    assert base64.b64decode(again.json["data"][0]["b64_json"]) == made
    assert easel.fetch(link_of(easel, damaged)).body == made
