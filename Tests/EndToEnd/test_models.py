"""The models that a client can see."""

import openai
import pytest

MODELS = {
    "sandbox": {"routes": [{"provider": "offline", "model": "sandbox", "price": 0}]},
    "ferrets/na me:x": {"routes": [{"provider": "offline", "model": "sandbox"}]},
}
ALIASES = {"dall-e-3": "sandbox", "gpt-image-1": "sandbox"}


@pytest.fixture
def easel(start):
    return start(models=MODELS, aliases=ALIASES)


def test_the_configured_models_are_listed(easel):
    listed = {model.id: model for model in easel.client.models.list()}
    assert MODELS.keys() <= listed.keys()
    for model in listed.values():
        assert model.object == "model"
        assert type(model.created) is int
        assert model.owned_by


@pytest.mark.parametrize("id", [*MODELS, *ALIASES])
def test_a_model_or_an_alias_can_be_retrieved(easel, id):
    assert easel.client.models.retrieve(id).id == id


@pytest.mark.parametrize("path", ["/v1/models/ferrets/na%20me:x", "/v1/models/ferrets%2fna%20me%3ax"])
def test_a_slash_in_a_name_may_be_escaped_or_not(easel, path):
    assert easel.get(path).json["id"] == "ferrets/na me:x"


def test_an_unknown_model_is_not_found(easel):
    with pytest.raises(openai.NotFoundError) as refusal:
        easel.client.models.retrieve("beaver")
    assert refusal.value.code == "model_not_found"
    assert refusal.value.request_id.startswith("req_")


def test_head_gives_the_head_alone(easel):
    full, head = easel.get("/v1/models"), easel.request("HEAD", "/v1/models")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == full.headers["Content-Type"]
