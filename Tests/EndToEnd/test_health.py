"""What monitors ask costs nothing."""

import pytest


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_key_and_calls_no_provider(start, modelverse, path):
    easel = start(modelverse)
    for _ in range(100):
        answer = easel.get(path, key=None)
        assert answer.status == 200
        assert answer.headers["x-request-id"].startswith("req_")
    assert not modelverse.calls and not modelverse.downloads


def test_listing_models_calls_no_provider(start, modelverse):
    easel = start(modelverse)
    assert easel.get("/v1/models").status == 200
    assert easel.get("/v1/models/picture").status == 200
    assert not modelverse.calls and not modelverse.downloads


def test_a_provider_that_is_down_does_not_make_the_gateway_unready(start, modelverse):
    modelverse.close()
    easel = start(modelverse)
    assert easel.get("/readyz", key=None).status == 200
