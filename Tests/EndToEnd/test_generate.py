"""Pictures from a prompt, with the stock client."""

import asyncio
import base64

import openai
import pytest

from gateway import bytes_of
from pictures import data_uri, large_picture, opened, picture

ORIGINAL = data_uri(picture())


def test_a_generated_image_is_a_real_picture_of_the_size_asked_for(sandbox, images):
    answer = images(sandbox).generate(model="sandbox", prompt="an otter in a boat", size="512x384")
    [item] = answer.data
    assert opened(bytes_of(item)).size == (512, 384)
    assert type(answer.created) is int


def test_a_generated_image_can_be_fetched_by_its_url(sandbox, images):
    answer = images(sandbox).generate(model="sandbox", prompt="an otter in a boat", response_format="url")
    [item] = answer.data
    assert item.b64_json is None
    fetched = sandbox.fetch(item.url)
    assert fetched.status == 200
    assert opened(fetched.body).format == "PNG"


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
@pytest.mark.parametrize("upstream_gives", ["url", "b64_json", "both"])
def test_the_client_gets_the_format_it_asked_for_whatever_the_provider_gives(
    start, modelverse, response_format, upstream_gives
):
    modelverse.gives = upstream_gives
    easel = start(modelverse, model="Qwen/Qwen-Image")
    answer = easel.client.images.generate(model="picture", prompt="an otter", response_format=response_format)
    [item] = answer.data
    if response_format == "url":
        assert item.b64_json is None
        assert easel.fetch(item.url).body == modelverse.made[0]
    else:
        assert bytes_of(item) == modelverse.made[0]
    assert len(modelverse.calls) == 1


def test_an_image_outlives_the_providers_own_url(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image")
    answer = easel.client.images.generate(model="picture", prompt="an otter", response_format="url")
    modelverse.expired = True
    assert easel.fetch(answer.data[0].url).body == modelverse.made[0]
    assert modelverse.origin not in answer.data[0].url


def test_an_images_url_still_works_after_a_restart(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image")
    answer = easel.client.images.generate(model="picture", prompt="an otter", response_format="url")
    easel.stop()
    modelverse.close()
    easel.start()
    assert easel.fetch(answer.data[0].url).body == modelverse.made[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [("dall-e-2", "url"), ("dall-e-3", "url"), ("gpt-image-1", "b64_json"), ("sandbox", "b64_json")],
)
def test_without_a_response_format_the_models_name_decides(start, model, expected):
    easel = start(aliases={"dall-e-2": "sandbox", "dall-e-3": "sandbox", "gpt-image-1": "sandbox"})
    [item] = easel.client.images.generate(model=model, prompt="an otter").data
    assert {name for name in ("url", "b64_json") if getattr(item, name) is not None} == {expected}


def test_a_client_that_names_no_model_gets_the_default_one(sandbox, images):
    assert bytes_of(images(sandbox).generate(prompt="an otter").data[0])


def test_two_images_are_two_different_images(sandbox):
    answer = sandbox.client.images.generate(model="sandbox", prompt="an otter", n=2)
    assert len({bytes_of(item) for item in answer.data}) == 2


def test_the_provider_is_called_once_for_several_images_when_it_takes_n(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image-Edit")
    answer = easel.client.images.generate(model="picture", prompt="an otter", n=3, extra_body={"image": ORIGINAL})
    assert [bytes_of(item) for item in answer.data] == modelverse.made
    assert [call.json["n"] for call in modelverse.calls] == [3]


def test_nulls_are_as_good_as_absent(start, openai_upstream, images):
    easel = start(openai_upstream)
    nothing = dict.fromkeys(["n", "size", "quality", "style", "background", "response_format", "output_format"])
    answer = images(easel).generate(model="picture", prompt="an otter", **nothing)
    assert bytes_of(answer.data[0]) == openai_upstream.made[0]
    [call] = openai_upstream.calls
    assert None not in call.json.values()


def test_parameters_in_extra_body_reach_a_provider_that_has_them(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image-Edit")
    extra = {"seed": 7, "negative_prompt": "no otter cubs", "steps": 30, "guidance_scale": 4.5, "strength": 0.25}
    easel.client.images.generate(model="picture", prompt="an otter", extra_body=extra | {"image": ORIGINAL})
    [call] = modelverse.calls
    assert {name: call.json.get(name) for name in extra} == extra


def test_the_same_seed_gives_the_same_picture_in_the_sandbox(sandbox):
    def picture_of(seed):
        answer = sandbox.client.images.generate(model="sandbox", prompt="an otter", extra_body={"seed": seed})
        return bytes_of(answer.data[0])

    assert picture_of(1) == picture_of(1)
    assert picture_of(1) != picture_of(2)


@pytest.mark.parametrize(
    "prompt",
    [
        "  an otter \n with\ttabs ",
        'quotes " and \\ otter',
        "水獺 otter 🦦",
        "otter " * 5000,
        "otter \x7f \u2028 \ufeff",
    ],
    ids=["whitespace", "quotes", "unicode", "long", "controls"],
)
def test_the_prompt_reaches_the_provider_byte_for_byte(start, openai_upstream, prompt):
    easel = start(openai_upstream)
    easel.client.images.generate(model="picture", prompt=prompt)
    assert [call.json["prompt"] for call in openai_upstream.calls] == [prompt]


def test_a_gpt_image_upstream_is_not_sent_a_response_format(start, openai_upstream):
    easel = start(openai_upstream)
    answer = easel.client.images.generate(model="picture", prompt="an otter", response_format="url", size="1024x1024")
    assert easel.fetch(answer.data[0].url).body == openai_upstream.made[0]
    [call] = openai_upstream.calls
    assert call.json["size"] == "1024x1024"
    assert call.json["model"] == "gpt-image-2"


def test_an_answer_carries_its_request_id(sandbox, images):
    answer = images(sandbox).generate(model="sandbox", prompt="an otter")
    assert answer._request_id.startswith("req_")


def test_the_raw_response_has_the_request_id_too(sandbox):
    raw = sandbox.client.images.with_raw_response.generate(model="sandbox", prompt="an otter")
    assert raw.headers["content-type"].startswith("application/json")
    assert raw.headers["x-request-id"] == raw.parse()._request_id


def test_the_answer_tells_who_made_it_and_what_became_of_the_parameters(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image")
    answer = easel.client.images.generate(model="picture", prompt="an otter", extra_body={"seed": 7})
    told = answer.model_extra["easel"]
    assert told["provider"] == "upstream"
    assert told["seed"] == 7
    assert float(told["cost"]) == 0.025
    assert "seed" in told["parameters"]
    assert "timings" in told


def test_a_strict_client_accepts_the_answer(sandbox):
    strict = openai.OpenAI(**sandbox.client_options, _strict_response_validation=True)
    asked = {"quality": "auto", "background": "auto", "size": "auto"}
    assert strict.images.generate(model="sandbox", prompt="an otter", **asked).data


def test_three_asynchronous_requests_run_at_once(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image")
    modelverse.pause()

    async def three():
        async with openai.AsyncOpenAI(**easel.client_options) as client:
            asked = [client.images.generate(model="picture", prompt=f"otter {number}") for number in range(3)]
            answers = asyncio.gather(*asked)
            await asyncio.to_thread(modelverse.wait_for_calls, 3)
            modelverse.resume()
            return await answers

    received = {bytes_of(answer.data[0]) for answer in asyncio.run(three())}
    assert received == set(modelverse.made)


@pytest.mark.parametrize(
    ("format", "media_type"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("PNG", "image/png")]
)
def test_the_type_of_a_result_comes_from_its_bytes(start, openai_upstream, format, media_type):
    openai_upstream.make_next(picture(format))
    easel = start(openai_upstream)
    answer = easel.client.images.generate(model="picture", prompt="an otter", response_format="url")
    fetched = easel.fetch(answer.data[0].url)
    assert fetched.headers["Content-Type"] == media_type
    assert opened(fetched.body).format == format


def test_a_ten_megabyte_image_makes_the_database_grow_by_kilobytes(start, modelverse):
    large = large_picture(10)
    modelverse.gives = "b64_json"
    modelverse.make_next(large)
    easel = start(modelverse, model="Qwen/Qwen-Image")
    before = size_of(easel.data)
    answer = easel.client.images.generate(model="picture", prompt="an otter")
    assert base64.b64decode(answer.data[0].b64_json) == large
    growth = size_of(easel.data) - before
    assert len(large) <= growth < len(large) + 500_000


def test_no_link_of_a_provider_is_written_down(start, modelverse):
    easel = start(modelverse, model="Qwen/Qwen-Image")
    easel.client.images.generate(model="picture", prompt="an otter", response_format="url")
    easel.stop()
    assert modelverse.downloads
    for file in easel.data.rglob("*"):
        assert file.is_dir() or b"secretsignature" not in file.read_bytes(), file


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_a_parameter_that_nobody_knows_is_reported_as_dropped(sandbox):
    answer = sandbox.client.images.generate(model="sandbox", prompt="an otter", extra_body={"whiskers": "long"})
    assert answer.easel["parameters"]["whiskers"]["outcome"] == "dropped"
