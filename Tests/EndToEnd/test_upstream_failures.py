"""Providers that refuse, lie, hang up or never end. Whatever they do, they are called once and the gateway lives on."""

import base64
import json
import time

import openai
import pytest

import upstreams
from gateway import bytes_of
from pictures import data_uri, filed_picture, picture


@pytest.fixture
def easel(start, openai_upstream):
    easel = start(openai_upstream)
    yield easel
    assert len(openai_upstream.calls) == 1
    assert easel.is_alive


def generate(easel, **options):
    return easel.client.images.generate(model="picture", prompt="an otter", **options)


def failure(easel, **options):
    with pytest.raises(openai.APIStatusError) as failure:
        generate(easel, **options)
    assert failure.value.request_id.startswith("req_")
    assert upstreams.KEY not in failure.value.message
    return failure.value


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (upstreams.status(500), (500, 502)),
        (upstreams.status(503), (502, 503)),
        (upstreams.status(504), (502, 503, 504)),
        (upstreams.html_error, (502, 503)),
        (upstreams.status(500, b""), (500, 502)),
        (upstreams.status(500, b'"a bare string"'), (500, 502)),
        (upstreams.status(500, b"[1, 2]"), (500, 502)),
        (upstreams.status(404, b"404 page not found", "text/plain"), (502,)),
        (upstreams.truncated_json, (502,)),
        (upstreams.half_an_answer, (502,)),
        (upstreams.no_answer, (502,)),
        (upstreams.dripping, (502,)),
        (upstreams.status(200, b""), (502,)),
        (upstreams.status(200, b"<html>Welcome</html>", "text/html"), (502,)),
        (upstreams.status(200, {"created": 1, "data": []}), (502,)),
        (upstreams.status(200, {"created": 1}), (502,)),
        (upstreams.status(200, {"data": [{"url": "", "b64_json": None}]}), (502,)),
        (upstreams.status(200, {"data": {"b64_json": 7}}), (502,)),
        (upstreams.status(200, {"error": {"message": "out of paint", "code": "server_error"}}), (500, 502, 503)),
        (upstreams.status(204, b""), (502,)),
    ],
    ids=[
        "500", "503", "504", "HTML 502", "empty 500", "string 500", "array 500", "text 404", "truncated", "half",
        "no answer", "dripping", "empty 200", "HTML 200", "no items", "no data", "empty item", "wrong types",
        "error in 200", "204",
    ],
)  # fmt: skip
def test_a_failing_provider_is_a_clear_error_and_never_asked_twice(easel, openai_upstream, answer, statuses):
    openai_upstream.answer_with(answer)
    error = failure(easel)
    assert error.status_code in statuses
    assert error.code


def test_a_provider_that_cannot_be_reached_is_a_clear_error(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.close()
    with pytest.raises(openai.InternalServerError) as failure:
        generate(easel)
    assert failure.value.status_code in (502, 503)


@pytest.mark.takes(seconds=240)
def test_an_answer_without_end_is_cut_off(easel, openai_upstream):
    openai_upstream.answer_with(upstreams.endless)
    # A debug build on a busy machine needs its time for half a gigabyte.
    assert failure(easel, timeout=200).status_code == 502
    assert openai_upstream.sent < 1_000_000_000


def chunked(body):
    """One chunk, and the end of the connection where the last one belongs."""

    def answer(exchange):
        exchange.send_response(200)
        exchange.send_header("Transfer-Encoding", "chunked")
        exchange.end_headers()
        exchange.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        exchange.close_connection = True

    return answer


def cut(body):
    """Not as long as it is said to be."""

    def answer(exchange):
        exchange.begin(200, len(body) + 10)
        exchange.wfile.write(body)
        exchange.close_connection = True

    return answer


@pytest.mark.parametrize("make", [picture, filed_picture])
@pytest.mark.parametrize(
    "answer",
    [
        lambda body: upstreams.status(200, b"\xef\xbb\xbf" + body),
        lambda body: upstreams.status(200, body + b"\n" + body),
        lambda body: upstreams.status(200, body + b"}</html>\0"),
        lambda body: upstreams.status(200, b'{"seconds": NaN, ' + body[1:]),
        chunked,
        cut,
    ],
    ids=["byte order mark", "twice", "garbage behind it", "Python's NaN", "no last chunk", "too short"],
)
def test_an_answer_that_has_its_image_is_good_whatever_else_is_wrong_with_it(easel, openai_upstream, answer, make):
    made = make()
    body = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(made).decode()}]}).encode()
    openai_upstream.answer_with(answer(body))
    [item] = generate(easel).data
    assert bytes_of(item) == made


def test_a_good_answer_under_a_wrong_content_type_is_still_good(easel, openai_upstream):
    openai_upstream.answer_with(upstreams.json_as("text/plain"))
    assert bytes_of(generate(easel).data[0]) == openai_upstream.made[0]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_provider_key_is_not_the_callers_fault(easel, openai_upstream, status):
    body = {"error": {"message": f"Incorrect API key provided: {upstreams.KEY}", "code": "invalid_api_key"}}
    openai_upstream.answer_with(upstreams.status(status, body))
    assert failure(easel).status_code == 502


def test_a_providers_rate_limit_reaches_the_client(start, openai_upstream):
    openai_upstream.answer_with(*[upstreams.status(429, Retry_After="7")] * 5)
    easel = start(openai_upstream)
    with pytest.raises(openai.RateLimitError) as failure:
        generate(easel)
    assert failure.value.code == "rate_limit_exceeded"
    assert 1 <= float(failure.value.response.headers["retry-after"]) <= 7


@pytest.mark.parametrize(
    "answer",
    [
        upstreams.status(400, {"error": {"message": f"no model for Bearer {upstreams.KEY}"}}),
        upstreams.status(500, f"Authorization: Bearer {upstreams.KEY}".encode(), "text/plain"),
        upstreams.status(200, {"error": {"message": f"{upstreams.KEY} has no credit", "code": "server_error"}}),
    ],
    ids=["JSON", "text", "in a success"],
)
def test_a_provider_that_tells_the_key_back_tells_it_to_nobody_else(easel, openai_upstream, answer):
    openai_upstream.answer_with(answer)
    refused = failure(easel)
    assert "•••" in refused.message
    assert upstreams.KEY not in easel.run("jobs", "show", refused.request_id)


def test_a_bad_request_according_to_the_provider_is_one_for_the_client(easel, openai_upstream):
    error = {
        "error": {"message": "n is 1 for now", "type": "invalid_request_error", "param": "n", "code": "invalid_value"}
    }
    openai_upstream.answer_with(upstreams.status(400, error))
    refusal = failure(easel)
    assert (refusal.status_code, refusal.param) == (400, "n")
    assert "n is 1 for now" in refusal.message


def test_a_refused_prompt_is_told_apart(easel, openai_upstream):
    error = {
        "message": "rejected by the safety system",
        "type": "image_generation_user_error",
        "code": "moderation_blocked",
    }
    openai_upstream.answer_with(upstreams.status(400, {"error": error | {"param": None}}))
    refusal = failure(easel)
    assert refusal.status_code == 400
    assert refusal.code in ("moderation_blocked", "content_policy_violation")


def test_the_providers_request_id_is_kept(start, modelverse):
    easel = start(modelverse, model="beaver")  # not one of its models
    with pytest.raises(openai.APIStatusError) as refusal:
        generate(easel)
    assert "mv-request-1" in easel.run("jobs", "show", refusal.value.request_id)
    assert refusal.value.param != "mv-request-1"


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data/", "/elsewhere", "file:///etc/passwd"])
def test_a_redirected_order_is_not_followed(easel, openai_upstream, location):
    openai_upstream.answer_with(upstreams.redirect_to(location))
    assert failure(easel).status_code == 502
    assert not openai_upstream.downloads


# Results


def giving(**item):
    return upstreams.status(200, {"created": 1, "data": [item]})


@pytest.mark.parametrize(
    "item",
    [
        {"b64_json": "this is not base64!"},
        {"b64_json": "b3R0ZXI="},
        {"b64_json": data_uri(b"<svg><text>otter</text></svg>", "image/svg+xml")},
        {"url": "not a link"},
        {"url": "ftp://127.0.0.1/otter.png"},
        {"url": "http://169.254.169.254/otter.png"},
        {"url": "http://10.0.0.1/otter.png"},
        {"url": "file:///etc/hostname"},
    ],
    ids=lambda item: next(iter(item.values()))[:30],
)
def test_a_result_that_is_no_image_is_a_providers_fault(easel, openai_upstream, item):
    openai_upstream.answer_with(giving(**item))
    assert failure(easel).status_code == 502


def test_a_result_cut_short_is_a_providers_fault(easel, openai_upstream):
    openai_upstream.make_next(picture(width=500, height=500)[:200])
    assert failure(easel).status_code == 502


@pytest.mark.parametrize(
    "bytes", [b"<html>Sign in</html>", b"", b"\x89PNG\r\n\x1a\nnot really"], ids=["html", "empty", "magic"]
)
def test_a_link_that_leads_to_no_image_is_a_providers_fault(easel, openai_upstream, bytes):
    openai_upstream.answer_with(giving(url=openai_upstream.publish(bytes)))
    assert failure(easel).status_code == 502


def test_a_link_to_a_private_address_is_not_followed(start, openai_upstream):
    easel = start(openai_upstream, allow_private=[])
    openai_upstream.answer_with(giving(url=openai_upstream.publish(picture())))
    error = failure(easel)
    assert error.status_code == 502
    assert "'allow_private'" in error.message
    assert not openai_upstream.downloads


def test_a_link_that_redirects_to_a_private_address_is_not_followed(easel, openai_upstream):
    openai_upstream.answer_with(giving(url=openai_upstream.publish(picture())))
    openai_upstream.answer_downloads_with(upstreams.redirect_to("http://169.254.169.254/latest/meta-data/"))
    assert failure(easel).status_code == 502
    assert len(openai_upstream.downloads) == 1


def test_a_link_that_redirects_to_a_public_place_is_followed(easel, openai_upstream):
    openai_upstream.answer_with(giving(url=openai_upstream.publish(picture(seed=1))))
    openai_upstream.answer_downloads_with(upstreams.redirect_to(openai_upstream.publish(picture(seed=2))))
    assert bytes_of(generate(easel).data[0]) == picture(seed=2)


@pytest.mark.parametrize(
    "failures",
    [[upstreams.status(500)] * 2, [upstreams.no_answer], [upstreams.half_an_answer], [upstreams.status(429)]],
)
def test_a_download_that_fails_at_first_is_tried_again(easel, openai_upstream, failures):
    openai_upstream.answer_with(giving(url=openai_upstream.publish(picture(seed=1))))
    openai_upstream.answer_downloads_with(*failures)
    assert bytes_of(generate(easel).data[0]) == picture(seed=1)
    assert len(openai_upstream.downloads) == len(failures) + 1


def test_a_download_that_hangs_is_given_up_and_tried_again(start, openai_upstream):
    easel = start(openai_upstream, download_timeout="1s")
    openai_upstream.answer_with(giving(url=openai_upstream.publish(picture(seed=1))))
    openai_upstream.answer_downloads_with(upstreams.silence)
    assert bytes_of(generate(easel).data[0]) == picture(seed=1)
    assert len(openai_upstream.downloads) == 2


def test_the_providers_key_does_not_go_to_another_host_with_a_download(easel, openai_upstream, file_server):
    openai_upstream.answer_with(giving(url=file_server.publish(picture(seed=1))))
    generate(easel)
    [download] = file_server.downloads
    assert upstreams.KEY not in str(download.headers)


def test_a_hanging_provider_delays_nobody_else(start, openai_upstream):
    easel = start(openai_upstream)
    openai_upstream.pause()
    with easel.connect() as waiting:
        waiting.sendall(easel.order())
        openai_upstream.wait_for_calls()
        started = time.monotonic()
        assert easel.client.images.generate(model="sandbox", prompt="an otter").data
        assert time.monotonic() - started < 5
        openai_upstream.resume()
        assert waiting.recv(100).startswith(b"HTTP/1.1 200 ")
