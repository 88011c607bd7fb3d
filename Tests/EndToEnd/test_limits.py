"""How often a key may ask, for how many images, and for how many at once."""

import threading
import time

import openai
import pytest

from gateway import all_at_once, assert_error, eventually, key_with
from pictures import picture

ORDER = {"model": "picture", "prompt": "an otter"}
PATH = "/v1/images/generations"


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
