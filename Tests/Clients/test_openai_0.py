"""OpenAI's Python client before 1.0, which is a module with settings, and which much old code still has."""

import openai
import pytest

from conftest import started
from pictures import mask, opened, picture


@pytest.fixture(scope="module")
def easel(tmp_path_factory):
    """It names no model, DALL·E 2 being the only one, and expects its links."""
    yield from started(tmp_path_factory.mktemp("easel"), defaults={"generate": "dall-e-2", "edit": "dall-e-2"})


@pytest.fixture(autouse=True)
def settings(easel, monkeypatch):
    monkeypatch.setattr(openai, "api_base", f"{easel.origin}/v1")
    monkeypatch.setattr(openai, "api_key", easel.key)


def fetched(easel, response):
    return opened(easel.fetch(response["data"][0]["url"]).body)


def test_a_prompt_becomes_a_link(easel):
    response = openai.Image.create(prompt="an otter", n=1, size="512x512")
    assert fetched(easel, response).size == (512, 512)
    assert type(response["created"]) is int


def test_a_picture_is_edited(easel):
    response = openai.Image.create_edit(image=picture(), mask=mask(), prompt="an otter", n=1, size="256x256")
    assert fetched(easel, response).size == (256, 256)


def test_a_picture_is_varied(easel):
    assert fetched(easel, openai.Image.create_variation(image=picture(), n=1, size="256x256")).size == (256, 256)


def test_the_models_are_listed():
    assert "sandbox" in [model["id"] for model in openai.Model.list()["data"]]
    assert openai.Model.retrieve("sandbox")["id"] == "sandbox"


def test_a_refusal_is_the_exception_that_callers_catch(monkeypatch):
    with pytest.raises(openai.error.InvalidRequestError) as refusal:
        openai.Image.create(prompt="")
    assert refusal.value.param == "prompt"
    monkeypatch.setattr(openai, "api_key", "wrong")
    with pytest.raises(openai.error.AuthenticationError):
        openai.Image.create(prompt="an otter")


def test_azures_way_of_waiting_is_not_served(monkeypatch, easel):
    # `POST /openai/images/generations:submit` and polling: an API of 2023 that Azure itself has retired.
    monkeypatch.setattr(openai, "api_type", "azure")
    monkeypatch.setattr(openai, "api_base", easel.origin)
    monkeypatch.setattr(openai, "api_version", "2023-06-01-preview")
    with pytest.raises(openai.error.InvalidRequestError, match="Invalid URL"):
        openai.Image.create(prompt="an otter", n=1, size="512x512")
