"""Waiting is a choice: a client may come back for its images, and an owner may ask it to."""

import json
import time

import openai
import pytest

import upstreams
from gateway import assert_error, eventually
from pictures import picture

ORDER = {"model": "picture", "prompt": "an otter"}


def ask(easel, prefer=None, **headers):
    headers |= {"Prefer": prefer} if prefer else {}
    return easel.post("/v1/images/generations", ORDER, headers=headers)


def assert_accepted(answer):
    """The answer is a 202 that says where and when to ask; the path to ask at."""
    assert answer.status == 202, answer.body
    assert answer.headers["location"] == f"/v1/images/jobs/{answer.json['id']}"
    assert answer.headers["x-request-id"] == answer.json["id"]
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["object"] == "image.job"
    return answer.headers["location"]


def assert_done(easel, path, upstream):
    """The job at `path` ends with a picture that the upstream made."""
    eventually(lambda: easel.get(path).status == 200)
    answer = easel.get(path)
    assert answer.json["state"] == "done"
    assert "retry-after" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    [image] = answer.json["data"]
    assert easel.fetch(image["url"]).body in upstream.made


def test_a_client_that_will_not_wait_comes_back_for_its_images(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    answer = ask(easel, "respond-async")
    assert answer.headers["preference-applied"] == "respond-async"
    path = assert_accepted(answer)
    openai_upstream.wait_for_calls()
    # As often as it likes.
    assert [assert_accepted(easel.get(path)) for _ in range(50)] == [path] * 50
    openai_upstream.resume()
    assert_done(easel, path, openai_upstream)
    assert len(openai_upstream.calls) == 1


def test_a_job_that_was_promised_is_there_after_a_crash(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    paths = [assert_accepted(ask(easel, "respond-async")) for _ in range(5)]
    easel.end()
    openai_upstream.resume()
    easel.start()
    for path in paths:
        eventually(lambda path=path: easel.get(path).json["state"] in ("failed", "unknown"))


def test_a_client_waits_as_long_as_it_says(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    began = time.monotonic()
    answer = ask(easel, "wait=1")
    assert 0.9 < time.monotonic() - began < 5
    assert answer.headers["preference-applied"] == "wait=1"
    path = assert_accepted(answer)
    openai_upstream.resume()
    assert_done(easel, path, openai_upstream)
    quick = ask(easel, "respond-async, wait=30")
    assert quick.status == 200
    assert quick.headers["preference-applied"] == "wait=30"
    assert quick.json["data"]


def test_the_owner_has_clients_come_back_before_a_proxy_would_cut_them(start, openai_upstream):
    easel = start(openai_upstream, answer_within="1s")
    openai_upstream.pause()
    answer = ask(easel)
    assert "preference-applied" not in answer.headers
    path = assert_accepted(answer)
    form = easel.client.images.with_raw_response.edit(model="picture", prompt="an otter", image=picture())
    assert form.status_code == 202
    openai_upstream.resume()
    assert_done(easel, path, openai_upstream)
    eventually(lambda: easel.get(form.headers["location"]).status == 200)
    assert ask(easel).status == 200


def test_a_failure_that_nobody_waited_for_is_told_later(start, openai_upstream):
    openai_upstream.answer_with(upstreams.status(429))
    easel = start(openai_upstream)
    openai_upstream.pause()
    path = assert_accepted(ask(easel, "respond-async"))
    openai_upstream.resume()
    eventually(lambda: easel.get(path).status == 200)
    job = easel.get(path).json
    assert job["state"] == "failed"
    assert job["error"]["code"] == "rate_limit_exceeded"
    assert job["easel"]["cost"] == 0
    assert "data" not in job


def test_whoever_can_pay_for_nothing_more_may_still_ask(start, openai_upstream):
    easel = start(openai_upstream)
    key = easel.create_key("spender")
    openai_upstream.pause()
    path = assert_accepted(easel.post("/v1/images/generations", ORDER, headers={"Prefer": "respond-async"}, key=key))
    [id] = [one["id"] for one in json.loads(easel.run("keys", "list", "--json")) if one["name"] == "spender"]
    easel.run("keys", "limit", id, "--budget", "0/total", "--rpm", "1")
    time.sleep(1.2)  # until the gateway knows
    assert [easel.get(path, key=key).status for _ in range(20)] == [202] * 20
    openai_upstream.resume()
    job = eventually(lambda: (answer := easel.get(path, key=key)).status == 200 and answer.json)
    assert easel.fetch(job["data"][0]["url"]).body == openai_upstream.made[0]
    assert easel.request("DELETE", path, key=key).status == 200


def test_another_keys_job_does_not_exist(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    path = assert_accepted(ask(easel, "respond-async"))
    other = easel.create_key("other")
    for method in ("GET", "DELETE"):
        answer = easel.request(method, path, key=other)
        error = assert_error(answer, 404, code="job_not_found")
        assert error["message"] == easel.request(method, path + "0", key=other).json["error"]["message"].replace(
            "0'", "'"
        )
        assert_error(easel.request(method, path, key=None), 401, code=None)
    openai_upstream.resume()
    assert_done(easel, path, openai_upstream)


def test_a_job_that_a_client_left_is_there_for_it(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with pytest.raises(openai.APITimeoutError):
        easel.client.with_options(timeout=0.5).images.generate(**ORDER)
    [job] = easel.jobs()
    path = assert_accepted(easel.get(f"/v1/images/jobs/{job['id']}"))
    openai_upstream.resume()
    assert_done(easel, path, openai_upstream)
