"""What a client is told when a request cannot be carried out; none of it reaches a provider."""

import json

import openai
import pytest
from openai.types import ImagesResponse

from gateway import assert_error
from pictures import picture


@pytest.fixture
def easel(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image")
    yield easel
    assert not modelverse.calls and not modelverse.downloads


def generate(easel, **body):
    return easel.client.post("/images/generations", body=body, cast_to=ImagesResponse)


def test_a_wrong_key_is_an_authentication_error(easel):
    client = easel.client.with_options(api_key="sk-easel-wrong")
    with pytest.raises(openai.AuthenticationError) as refusal:
        client.images.generate(model="picture", prompt="an otter")
    assert refusal.value.code == "invalid_api_key"
    assert refusal.value.type == "invalid_request_error"
    assert refusal.value.request_id.startswith("req_")
    assert "sk-easel-wrong" not in refusal.value.message


def test_an_unknown_model_is_not_found(easel):
    with pytest.raises(openai.NotFoundError) as refusal:
        easel.client.images.generate(model="beaver", prompt="an otter")
    assert refusal.value.code == "model_not_found"
    assert refusal.value.param == "model"
    assert "beaver" in refusal.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ["an otter"]}, "prompt"),
        ({"prompt": "an otter", "model": 7}, "model"),
        ({"prompt": "an otter", "n": 0}, "n"),
        ({"prompt": "an otter", "n": -1}, "n"),
        ({"prompt": "an otter", "n": 1.5}, "n"),
        ({"prompt": "an otter", "n": "two"}, "n"),
        ({"prompt": "an otter", "n": 10**30}, "n"),
        ({"prompt": "an otter", "n": 1000}, "n"),
        ({"prompt": "an otter", "size": "big"}, "size"),
        ({"prompt": "an otter", "size": "0x0"}, "size"),
        ({"prompt": "an otter", "size": "-1x5"}, "size"),
        ({"prompt": "an otter", "size": "99999999999999999999x1"}, "size"),
        ({"prompt": "an otter", "size": "100000x100000"}, "size"),
        ({"prompt": "an otter", "size": 1024}, "size"),
        ({"prompt": "an otter", "response_format": "gif"}, "response_format"),
        ({"prompt": "an otter", "response_format": 7}, "response_format"),
        ({"prompt": "an otter", "seed": "lucky"}, "seed"),
        ({"prompt": "an otter", "strength": "high"}, "strength"),
        ({"prompt": "an otter", "watermark": "maybe"}, "watermark"),
    ],
    ids=repr,
)
def test_a_bad_parameter_is_named(easel, body, param):
    with pytest.raises(openai.BadRequestError) as refusal:
        generate(easel, **{"model": "picture"} | body)
    assert refusal.value.param == param
    assert refusal.value.type == "invalid_request_error"
    assert refusal.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"otter",
        b"[]",
        b'"otter"',
        b"null",
        b'{"prompt": "otter",}',
        b'{"prompt": "otter"} trailing',
        b'{"prompt": "\xff\xfe otter"}',
        b'{"prompt": "\\ud800 otter"}',
        b'{"prompt": "otter", "n": 01}',
        b'{"prompt": "otter", "seed": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"prompt": "otter\x00"}',
    ],
    ids=[
        "empty", "open", "bare word", "array", "string", "null", "comma", "trailing", "utf-8", "surrogate",
        "leading zero", "nan", "deep array", "deep object", "nul",
    ],
)  # fmt: skip
def test_a_body_that_is_not_a_json_object_is_refused(easel, body):
    answer = easel.post("/v1/images/generations", body, headers={"Content-Type": "application/json"})
    assert_error(answer, 400)
    assert easel.is_alive


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("POST", "/v1/foo"),
        ("GET", "/v1"),
        ("POST", "/v1/images"),
        ("GET", "/v1/images/generations/x"),
    ],
)
def test_an_unknown_path_is_not_found(easel, method, path):
    error = assert_error(easel.request(method, path), 404, param=None)
    assert path in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/images/generations", {"POST"}),
        ("PUT", "/v1/images/edits", {"POST"}),
        ("POST", "/v1/models", {"GET", "HEAD"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("DELETE", "/files/abc.png", {"GET", "HEAD"}),
        ("BREW", "/v1/images/generations", {"POST"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(easel, method, path, allowed):
    answer = easel.request(method, path)
    assert_error(answer, 405)
    assert allowed <= {method.strip() for method in answer.headers["Allow"].split(",")}


def test_a_body_over_the_limit_is_refused_before_it_has_arrived(start, modelverse):
    easel = start(modelverse, limits={"body": "1MB"})
    with pytest.raises(openai.APIStatusError) as refusal:
        easel.client.images.edit(model="picture", image=bytes(30_000_000), prompt="an otter")
    assert refusal.value.status_code == 413
    assert refusal.value.request_id.startswith("req_")
    assert not modelverse.calls


def test_a_chunked_body_over_the_limit_is_refused_too(start):
    easel = start(limits={"body": "1MB"})
    headers = {"Content-Type": "application/json"}  # a body of unknown length goes out in chunks
    answer = easel.request("POST", "/v1/images/generations", (b" " * 100_000 for _ in range(30)), headers)
    assert_error(answer, 413)


@pytest.mark.parametrize("name", ["image.svg", "image.html", "image.png"])
def test_an_upload_that_is_not_an_image_is_refused(easel, name):
    image = (name, b"<svg xmlns='http://www.w3.org/2000/svg'><text>otter</text></svg>")
    with pytest.raises(openai.BadRequestError) as refusal:
        easel.client.images.edit(model="picture", image=image, prompt="an otter")
    assert refusal.value.param.startswith("image")


def test_an_image_of_more_pixels_than_the_limit_is_refused(start, modelverse):
    easel = start(modelverse, limits={"pixels": "1MP"})
    with pytest.raises(openai.BadRequestError) as refusal:
        easel.client.images.edit(model="picture", image=picture(width=2000, height=2000), prompt="an otter")
    assert refusal.value.param.startswith("image")
    assert not modelverse.calls


def test_an_unasked_for_encoding_is_refused(easel):
    body = json.dumps({"prompt": "an otter"}).encode()
    answer = easel.post("/v1/images/generations", body, headers={"Content-Encoding": "gzip"})
    assert_error(answer, 415)
