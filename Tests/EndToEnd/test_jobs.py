"""The ledger: what it says about a request, and that a request does not die with its connection."""

import signal
import time

import openai
import pytest

import upstreams
from gateway import eventually
from pictures import picture


def test_jobs_are_listed_newest_first(sandbox):
    ids = [sandbox.client.images.generate(prompt=f"otter {number}")._request_id for number in range(3)]
    jobs = sandbox.jobs()
    assert [job["id"] for job in jobs[:3]] == ids[::-1]
    assert {job["state"] for job in jobs[:3]} == {"done"}
    table = sandbox.run("jobs", "list")
    assert all(id in table for id in ids)


def test_a_job_tells_the_story_of_its_request(start, modelverse):
    easel = start(modelverse)
    answer = easel.client.images.edit(
        model="picture", image=picture(), prompt="an otter", response_format="url", extra_body={"seed": 77}
    )
    story = easel.run("jobs", "show", answer._request_id)
    for word in [answer._request_id, "done", "picture", "upstream", modelverse.model, "seed", "77", "0.025", "tests"]:
        assert word in story
    assert upstreams.KEY not in story and easel.key not in story and "secretsignature" not in story


def test_a_failed_job_says_why(start, openai_upstream):
    openai_upstream.answer_with(upstreams.status(500))
    easel = start(openai_upstream)
    with pytest.raises(openai.APIStatusError) as failure:
        easel.client.images.generate(model="picture", prompt="an otter")
    [job] = easel.jobs()
    assert job["id"] == failure.value.request_id
    assert job["state"] in ("failed", "unknown")
    assert "500" in easel.run("jobs", "show", job["id"])


def test_a_refused_prompt_is_a_failed_job(start, openai_upstream):
    error = {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked", "param": None}
    openai_upstream.answer_with(upstreams.status(400, {"error": error}))
    easel = start(openai_upstream)
    with pytest.raises(openai.BadRequestError):
        easel.client.images.generate(model="picture", prompt="an otter")
    assert [job["state"] for job in easel.jobs()] == ["failed"]


def test_a_lost_answer_leaves_an_unknown_job(start, openai_upstream):
    openai_upstream.answer_with(upstreams.no_answer)
    easel = start(openai_upstream)
    with pytest.raises(openai.APIStatusError):
        easel.client.images.generate(model="picture", prompt="an otter")
    assert [job["state"] for job in easel.jobs()] == ["unknown"]


def test_the_job_is_written_down_before_the_provider_is_called(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with easel.connect() as client:
        client.sendall(easel.order())
        openai_upstream.wait_for_calls()
        [job] = easel.jobs()
        assert job["state"] == "submitted"
        openai_upstream.resume()
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    assert [job["state"] for job in easel.jobs()] == ["done"]


def test_a_job_goes_on_when_its_client_leaves(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with easel.connect() as client:
        client.sendall(easel.order())
        openai_upstream.wait_for_calls()
    time.sleep(0.2)
    openai_upstream.resume()
    eventually(lambda: [job["state"] for job in easel.jobs()] == ["done"])
    assert len(openai_upstream.calls) == 1
    assert is_stored(easel, openai_upstream.made[0])


def test_a_client_that_times_out_loses_nothing(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with pytest.raises(openai.APITimeoutError):
        easel.client.with_options(timeout=0.5).images.generate(model="picture", prompt="an otter")
    openai_upstream.resume()
    eventually(lambda: [job["state"] for job in easel.jobs()] == ["done"])
    assert is_stored(easel, openai_upstream.made[0])


def test_a_stopping_server_finishes_what_it_has_begun(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with easel.connect() as client:
        client.sendall(easel.order())
        openai_upstream.wait_for_calls()
        easel.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        openai_upstream.resume()
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    easel.process.wait(10)
    assert [job["state"] for job in easel.jobs()] == ["done"]


def test_a_synchronous_call_in_flight_at_a_crash_is_unknown_and_not_bought_again(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with easel.connect() as client:
        client.sendall(easel.order())
        openai_upstream.wait_for_calls()
        easel.end()
    openai_upstream.resume()
    easel.start()
    eventually(lambda: [job["state"] for job in easel.jobs()] == ["unknown"])
    assert len(openai_upstream.calls) == 1


def test_a_request_that_was_refused_is_no_job(start, openai_upstream):
    easel = start(openai_upstream)
    for body in ({}, {"prompt": 7}, {"prompt": "otter", "model": "beaver"}):
        assert easel.post("/v1/images/generations", body).status in (400, 404)
    assert easel.jobs() == []


def test_an_unknown_job_cannot_be_shown(sandbox):
    assert "req_otter" in sandbox.run("jobs", "show", "req_otter", exit_code=1)


def is_stored(easel, bytes):
    [job] = easel.jobs()
    [item] = easel.get(f"/v1/images/jobs/{job['id']}").json["data"]
    return easel.fetch(item["url"]).body == bytes
