"""Where clients look for the API, whatever base URL somebody has given them."""

import pytest

from gateway import assert_error
from pictures import data_uri, picture

ORDER = {"prompt": "an otter", "size": "64x64"}
#: Before `/images/…`. Azure has `deployments` name the model; `v1images` is how OpenAI's old command line joins `…/v1`.
PREFIXES = ["/v1", "", "/v1/v1", "/openai", "/openai/v1", "/openai/deployments/sandbox"]


@pytest.mark.parametrize("path", [*[f"{prefix}/images/generations" for prefix in PREFIXES], "/v1images/generations"])
@pytest.mark.parametrize("suffix", ["", "/", "?api-version=2025-04-01-preview&otter=1"])
def test_generations_are_served_wherever_a_client_looks(sandbox, path, suffix):
    assert sandbox.post(path + suffix, ORDER).status == 200


@pytest.mark.parametrize("path", [*[f"{prefix}/images/edits" for prefix in PREFIXES], "/v1images/edits/"])
def test_edits_are_served_there_too(sandbox, path):
    assert sandbox.post(path, ORDER | {"image": data_uri(picture())}).status == 200


@pytest.mark.parametrize(
    "path", ["/v1/models", "/models", "/models/", "/openai/models?api-version=x", "/openai/v1/models"]
)
def test_models_are_served_there_too(sandbox, path):
    assert "sandbox" in {model["id"] for model in sandbox.get(path).json["data"]}


def test_a_deployment_is_the_model_unless_the_body_names_one(start):
    models = {"sandbox": {"routes": [{"provider": "offline"}]}, "heron": {"routes": [{"provider": "offline"}]}}
    easel = start(models=models, aliases={"dall-e-3": "heron"})
    path = "/openai/deployments/heron/images/generations"
    for body, model in [({}, "heron"), ({"model": "sandbox"}, "sandbox"), ({"model": None}, "heron")]:
        id = easel.post(path, ORDER | body).headers["x-request-id"]
        assert easel.get(f"/v1/images/jobs/{id}").json["model"] == model
    error = assert_error(easel.post("/openai/deployments/beaver/images/generations", ORDER), 404)
    assert error["code"] == "model_not_found"


def test_what_is_nowhere_is_json_too(sandbox):
    for path in ("/v2/images/generations", "/v1/images/generations:submit", "/v1/chat/completions", "/index.html"):
        assert_error(sandbox.post(path, ORDER), 404, code="unknown_url")


@pytest.mark.parametrize("path", ["/", "/health", "/healthz", "/readyz", "/v1/models", "/v1/models/sandbox"])
def test_head_is_served_wherever_get_is(sandbox, path):
    full, head = sandbox.get(path), sandbox.request("HEAD", path)
    assert (head.status, head.body) == (full.status, b"") == (200, b"")
    assert head.headers["Content-Length"] == str(len(full.body))


@pytest.mark.parametrize(
    "path", ["/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/models/a"]
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "BREW"])
def test_another_method_is_told_the_right_ones(sandbox, method, path):
    answer = sandbox.request(method, path)
    assert_error(answer, 405, code="method_not_supported")
    assert answer.headers["Allow"] == ("GET, HEAD, DELETE, OPTIONS" if "models" in path else "POST, OPTIONS")
