"""How often a key may ask, for how many images, and for how many at once."""

import hashlib
import json
import subprocess
import threading
import time

import openai
import pytest

from gateway import BINARY, all_at_once, assert_error, eventually, key_with
from pictures import picture

ORDER = {"model": "picture", "prompt": "an otter"}
PATH = "/v1/images/generations"
#: Bytes of a body that go to disk together.
PART = 128 << 10


def test_requests_beyond_the_limit_are_told_when_to_come_back(start):
    easel = start()
    key, _ = key_with(easel, "--rpm", "2")
    for remaining in ("1", "0"):
        answer = easel.post(PATH, {"prompt": "an otter"}, key=key)
        assert answer.status == 200
        assert answer.headers["x-ratelimit-limit-requests"] == "2"
        assert answer.headers["x-ratelimit-remaining-requests"] == remaining
        assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    refused = easel.post(PATH, {"prompt": "an otter"}, key=key)
    error = assert_error(refused, 429, type="requests", code="rate_limit_exceeded", param=None)
    assert "Limit 2, Used 2, Requested 1. Please try again in " in error["message"]
    assert 25 <= int(refused.headers["retry-after"]) <= 30
    assert 25_000 <= int(refused.headers["retry-after-ms"]) <= 30_000
    assert refused.headers["x-should-retry"] is None
    # What costs nothing is not counted, and tells how things are.
    listed = easel.get("/v1/models", key=key)
    assert (listed.status, listed.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    assert easel.post(PATH, {"prompt": "an otter"}).headers["x-ratelimit-limit-requests"] is None


def test_the_stock_client_waits_as_long_as_it_is_told(start, openai_upstream):
    """And the image it gets then is one of its own, although it has asked for the same before."""
    easel = start(openai_upstream)
    key, _ = key_with(easel, "--rpm", "8")
    client = easel.client.with_options(api_key=key, max_retries=2)
    answers = [client.images.with_raw_response.generate(**ORDER) for _ in range(8)]
    before = time.monotonic()
    answers.append(client.images.with_raw_response.generate(**ORDER))
    assert 1 < time.monotonic() - before < 10
    assert len(openai_upstream.calls) == 9
    assert len({answer.headers["x-request-id"] for answer in answers}) == 9
    assert "easel-replayed" not in answers[-1].headers


def test_images_are_counted_by_their_number(start, openai_upstream):
    easel = start(openai_upstream)
    key, _ = key_with(easel, "--images-per-minute", "4")
    answer = easel.post(PATH, ORDER | {"n": 3}, key=key)
    assert answer.status == 200
    assert answer.headers["x-ratelimit-limit-images"] == "4"
    assert answer.headers["x-ratelimit-remaining-images"] == "1"
    refused = easel.post(PATH, ORDER | {"n": 2}, key=key)
    assert_error(refused, 429, type="images", code="rate_limit_exceeded", param=None)
    assert 10 <= int(refused.headers["retry-after"]) <= 15
    never = easel.post(PATH, ORDER | {"n": 5}, key=key)
    assert_error(never, 429, type="images", code="rate_limit_exceeded", param=None)
    assert never.headers["x-should-retry"] == "false"
    assert easel.post(PATH, ORDER, key=key).status == 200
    assert sum(call.json["n"] for call in openai_upstream.calls) == 4


def test_jobs_at_once_are_counted_until_they_end(start, openai_upstream):
    easel = start(openai_upstream)
    key, _ = key_with(easel, "--concurrency", "2")
    openai_upstream.pause()
    resume = threading.Timer(2, openai_upstream.resume)
    resume.start()
    answers = all_at_once(10, lambda: easel.post(PATH, ORDER, key=key))
    resume.join()
    assert sorted(answer.status for answer in answers) == [200] * 2 + [429] * 8
    refused = [answer for answer in answers if answer.status == 429][0]
    error = assert_error(refused, 429, type="requests", code="rate_limit_exceeded", param=None)
    assert "jobs at once: Limit 2, Used 2, Requested 1." in error["message"]
    assert refused.headers["retry-after"] == "1"
    assert len(openai_upstream.calls) == 2
    assert easel.post(PATH, ORDER, key=key).status == 200


def test_a_retry_joins_its_job_although_no_other_may_begin(start, openai_upstream):
    easel = start(openai_upstream)
    key, _ = key_with(easel, "--concurrency", "1", "--rpm", "1")
    openai_upstream.pause()
    with pytest.raises(openai.APITimeoutError):
        easel.client.with_options(api_key=key, timeout=1).images.generate(**ORDER)
    openai_upstream.resume()
    again = easel.post(PATH, ORDER, key=key, headers={"x-stainless-retry-count": "1"})
    assert (again.status, again.headers["easel-replayed"]) == (200, "true")
    assert len(openai_upstream.calls) == 1


def test_a_large_body_is_refused_before_it_is_sent(start):
    easel = start()
    key, _ = key_with(easel, "--rpm", "1")
    assert easel.post(PATH, {"prompt": "an otter"}, key=key).status == 200
    with easel.connect() as connection:
        connection.sendall(
            b"POST /v1/images/edits HTTP/1.1\r\nHost: easel\r\nAuthorization: Bearer " + key.encode() + b"\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 429 ")


def test_one_key_does_not_use_up_what_another_has(start):
    easel = start()
    first, _ = key_with(easel, "--rpm", "1")
    second, _ = key_with(easel, "--rpm", "1")
    assert [easel.post(PATH, {"prompt": "an otter"}, key=key).status for key in (first, second, first, second)] == [
        200,
        200,
        429,
        429,
    ]


def begin_upload(easel, key, length, sent, announced=True):
    """A connection on which so many bytes of an edit's body have been sent."""
    connection = easel.connect()
    framing = f"Content-Length: {length}" if announced else "Transfer-Encoding: chunked"
    head = [
        "POST /v1/images/edits HTTP/1.1",
        "Host: easel",
        f"Authorization: Bearer {key}",
        "Content-Type: multipart/form-data; boundary=x",
        framing,
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + bytes(sent)
    connection.sendall(body if announced else b"%x\r\n%s\r\n" % (len(body), body))
    return connection


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_one_key_cannot_take_all_the_room_for_bodies(start, announced):
    easel = start(limits={"body": "2MB", "in_flight": "5MB", "in_flight_per_key": "3MB"})
    first, second = key_with(easel)[0], key_with(easel)[0]
    held = [begin_upload(easel, first, 1_400_000, 1_300_000, announced) for _ in range(2)]
    held += [begin_upload(easel, second, 1_400_000, 1_300_000, announced)]
    # All of it has been read, but for the part that is being gathered: nobody takes the room that is meant for them.
    eventually(lambda: sum(file.stat().st_size > 1_300_000 - PART for file in (easel.data / "spool").iterdir()) == 3)

    def refusal(key):
        with begin_upload(easel, key, 1_400_000, 1_300_000, announced) as connection:
            connection.settimeout(0.5)
            try:
                return connection.recv(2000).decode()
            except TimeoutError:
                return None

    answer = eventually(lambda: refusal(first))
    assert answer.startswith("HTTP/1.1 429 ")
    assert "bytes of requests at once: Limit 3000000" in answer
    assert "retry-after: 1" in answer.lower()
    answer = eventually(lambda: refusal(second))
    assert answer.startswith("HTTP/1.1 503 ")
    assert "server_is_overloaded" in answer and "limits.in_flight" in answer
    # What is small has room, and what goes makes some.
    assert easel.post(PATH, {"prompt": "an otter"}, key=first).status == 200
    for connection in held:
        connection.close()
    image = picture()
    eventually(lambda: easel.client.with_options(api_key=first).images.edit(image=image, prompt="an otter").data)


def test_jobs_of_all_keys_are_bounded_too(start, openai_upstream):
    easel = start(openai_upstream, limits={"jobs": 2})
    openai_upstream.pause()
    resume = threading.Timer(2, openai_upstream.resume)
    resume.start()
    waiting = [threading.Thread(target=easel.post, args=[PATH, ORDER]) for _ in range(2)]
    for thread in waiting:
        thread.start()
    openai_upstream.wait_for_calls(2)
    refused = easel.post(PATH, ORDER)
    error = assert_error(refused, 503, type="server_error", code="server_is_overloaded", param=None)
    assert "limits.jobs" in error["message"]
    resume.join()
    for thread in waiting:
        thread.join()
    assert easel.post(PATH, ORDER).status == 200


def test_keys_of_the_configuration_are_what_it_says(start):
    digest = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("otter-key-one", "otter-key-two")}
    easel = start(keys={"team": {"sha256": digest["otter-key-one"], "rpm": 100, "budget": ["1/day", "5/month"]}})

    def status(key):
        return easel.get("/v1/models", key=key).status

    def declare(**keys):
        easel.config.write_text(json.dumps(json.loads(easel.config.read_text()) | {"keys": keys}))
        easel.run("reload")

    assert easel.post(PATH, {"prompt": "an otter"}, key="otter-key-one").status == 200
    assert easel.get("/v1/models", key="otter-key-one").headers["x-ratelimit-limit-requests"] == "100"
    assert "declared in the configuration" in easel.run("keys", "show", "key_team")
    assert "'keys.team'" in easel.run("keys", "revoke", "key_team", exit_code=1)
    # Another key under the same name has its history.
    declare(team={"sha256": digest["otter-key-two"], "models": []})
    eventually(lambda: status("otter-key-one") == 401, within=2)
    assert easel.get("/v1/models", key="otter-key-two").json["data"] == []
    [row] = json.loads(easel.run("usage", "--json"))
    assert (row["group"], row["name"], row["jobs"]) == ("key_team", "team", 1)
    declare()
    eventually(lambda: status("otter-key-two") == 401, within=2)
    # And a restart makes no difference.
    declare(team={"sha256": digest["otter-key-one"]})
    eventually(lambda: status("otter-key-one") == 200, within=2)
    easel.stop()
    easel.start()
    assert status("otter-key-one") == 200


def test_the_digest_of_a_key_is_read_from_standard_input():
    done = subprocess.run([BINARY, "keys", "hash"], input="otter\n", capture_output=True, text=True, timeout=20)
    assert done.stdout.strip() == hashlib.sha256(b"otter").hexdigest()


def test_limits_that_are_changed_count_within_a_second(start):
    easel = start()
    key, id = key_with(easel, "--rpm", "1")
    assert easel.post(PATH, {"prompt": "an otter"}, key=key).status == 200
    easel.run("keys", "limit", id, "--rpm", "1000")
    eventually(lambda: easel.post(PATH, {"prompt": "an otter"}, key=key).status == 200, within=2)


def test_a_key_that_has_expired_says_so(start):
    easel = start()
    key, id = key_with(easel, "--expires", "90d")
    easel.run("keys", "limit", id, "--expires", "2026-01-01")
    answer = eventually(lambda: (a := easel.get("/v1/models", key=key)).status == 401 and a, within=2)
    assert "expired at 2026-01-01T00:00:00" in answer.json["error"]["message"]


def test_a_key_that_is_replaced_keeps_working_for_as_long_as_it_may(start):
    easel = start()
    old, id = key_with(easel)
    [new] = easel.run("keys", "rotate", id, "--grace", "1h").split()
    easel.secrets.append(new)
    assert easel.client.with_options(api_key=old).images.generate(prompt="an otter")
    assert easel.client.with_options(api_key=new).images.generate(prompt="an otter", n=1)
    assert {job["key"] if "key" in job else id for job in easel.jobs()} == {id}
    easel.run("keys", "rotate", id)
    eventually(lambda: easel.get("/v1/models", key=old).status == 401, within=2)
    assert easel.client.with_options(api_key=easel.key).images.edit(image=picture(), prompt="an otter")
