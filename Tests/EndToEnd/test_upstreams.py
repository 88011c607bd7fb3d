"""The fake providers are as strict as their pages: what they let through in the other tests is right."""

import httpx2
import openai
import pytest

import upstreams
from pictures import data_uri, mask, opened, picture

ORIGINAL = picture(seed=100)
ORDER = {"model": "Qwen/Qwen-Image-Edit", "prompt": "an otter", "image": data_uri(ORIGINAL)}


def client_of(upstream, key=upstreams.KEY):
    return openai.OpenAI(base_url=upstream.base_url, api_key=key, max_retries=0, timeout=10)


def post(upstream, body):
    return client_of(upstream).post("/images/generations", body=body, cast_to=openai.types.ImagesResponse)


def test_modelverse_takes_what_its_page_shows(modelverse):
    shown = {"n": 4, "strength": 0.8, "seed": -1, "steps": 20, "guidance_scale": 2.5, "negative_prompt": "blurry"}
    answer = post(modelverse, ORDER | shown | {"response_format": "b64_json"})
    assert [item.b64_json.split(",")[0] for item in answer.data] == ["data:image/png;base64"] * 4
    assert len(modelverse.calls) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"image": None},
        {"image": "otter"},
        {"prompt": None},
        {"model": "gpt-image-2"},
        {"n": 5},
        {"n": "1"},
        {"n": 1.0},
        {"n": True},
        {"strength": 2},
        {"steps": 51},
        {"guidance_scale": 0.5},
        {"seed": 1.5},
        {"response_format": "png"},
        {"size": "1024x1024"},
        {"cfg": 4},
    ],
    ids=repr,
)
def test_modelverse_refuses_what_its_page_does_not_show(modelverse, change):
    order = {name: value for name, value in (ORDER | change).items() if value is not None}
    with pytest.raises(openai.BadRequestError) as refusal:
        post(modelverse, order)
    assert (refusal.value.code, refusal.value.param) == ("param_error", "mv-request-1")


def test_openai_takes_an_edit_of_its_own_client(openai_upstream):
    image = [("one.png", ORIGINAL, "image/png"), ("two.jpg", picture("JPEG"), "image/jpeg")]
    arguments = {"model": "gpt-image-2", "prompt": "an otter", "mask": ("mask.png", mask(), "image/png")}
    client_of(openai_upstream).images.edit(image=image, **arguments)
    assert openai_upstream.received_images() == [ORIGINAL, picture("JPEG")]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"response_format": "url"}, "unknown_parameter"),
        ({"extra_body": {"seed": 7}}, "unknown_parameter"),
        ({"n": 11}, "invalid_value"),
        ({"prompt": ""}, "missing_required_parameter"),
    ],
    ids=repr,
)
def test_openai_refuses_what_it_does_not_know(openai_upstream, arguments, code):
    with pytest.raises(openai.BadRequestError) as refusal:
        client_of(openai_upstream).images.generate(**{"model": "gpt-image-2", "prompt": "an otter"} | arguments)
    assert refusal.value.code == code


def test_openai_refuses_an_image_of_no_type(openai_upstream):
    with pytest.raises(openai.BadRequestError) as refusal:
        client_of(openai_upstream).images.edit(model="gpt-image-2", image=ORIGINAL, prompt="an otter")
    assert refusal.value.code == "unsupported_file_mimetype"


@pytest.mark.parametrize("upstream", [upstreams.Modelverse, upstreams.OpenAI])
def test_a_wrong_key_is_refused(upstream):
    upstream = upstream()
    with pytest.raises(openai.AuthenticationError):
        client_of(upstream, key="sk-easel-otter").images.generate(model="gpt-image-2", prompt="an otter")
    upstream.close()


def test_a_result_is_served_by_its_exact_link_until_it_expires(modelverse):
    link = modelverse.publish(ORIGINAL)
    assert opened(httpx2.get(link).content).size == (64, 64)
    assert httpx2.get(link.replace("%2F", "/")).status_code == 403
    modelverse.expired = True
    assert httpx2.get(link).status_code == 403


@pytest.mark.parametrize(
    "answer", [upstreams.half_an_answer, upstreams.no_answer, upstreams.dripping, upstreams.truncated_json]
)
def test_a_misbehaving_answer_is_one(openai_upstream, answer):
    openai_upstream.answer_with(answer)
    with pytest.raises((openai.APIConnectionError, ValueError)):
        client_of(openai_upstream).images.generate(model="gpt-image-2", prompt="an otter")
