"""The gateways that clients talk to: the real binary, with the sandbox behind every name that clients have built in."""

import pathlib
import sys
import tempfile

import pytest

# The harness of the end-to-end tests: the process, its configuration, providers on loopback.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "EndToEnd"))
pytest.register_assert_rewrite("gateway")

import upstreams  # noqa: E402
from gateway import OFFLINE, SANDBOX, Gateway  # noqa: E402
from pictures import mask, picture  # noqa: E402

#: Model names that clients send without being asked for them.
HARD_CODED = [
    "dall-e-2",
    "dall-e-3",
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.6-sunburst",
    "chatgpt-image-latest",
]


def started(folder, **configuration):
    """Gateways, of which one is wanted: it is stopped and checked when the generator goes on."""
    settings = {
        "aliases": dict.fromkeys(HARD_CODED, "sandbox"),
        "models": SANDBOX | {"org/na me:x": SANDBOX["sandbox"]},
    }
    gateway = Gateway(pathlib.Path(tempfile.mkdtemp(dir=folder)), **settings | configuration)
    try:
        gateway.start()
        yield gateway
        gateway.stop()
    finally:
        gateway.end()


@pytest.fixture(scope="session")
def easel(tmp_path_factory):
    yield from started(tmp_path_factory.mktemp("easel"))


@pytest.fixture
def upstream():
    """A provider on loopback that speaks like OpenAI and misbehaves when told to."""
    upstream = upstreams.OpenAI()
    try:
        yield upstream
    finally:
        upstream.close()


@pytest.fixture
def unreliable(tmp_path, upstream):
    """A gateway whose model `gpt-image-2` is made by `upstream`."""
    provider = {"dialect": upstream.dialect, "base_url": upstream.base_url, "api_key": "${UPSTREAM_KEY}"}
    route = {"provider": "upstream", "model": upstream.model, "price": 0.025}
    yield from started(
        tmp_path,
        providers=OFFLINE | {"upstream": provider},
        models=SANDBOX | {"gpt-image-2": {"routes": [route]}},
        aliases={},
        allow_private=["127.0.0.0/8"],
    )


@pytest.fixture
def openai_environment(easel, monkeypatch):
    """Where clients that are configured by the environment find the gateway."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{easel.origin}/v1")
    monkeypatch.setenv("OPENAI_API_BASE", f"{easel.origin}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", easel.key)


@pytest.fixture(scope="session")
def otter(tmp_path_factory):
    """A picture in a file."""
    path = tmp_path_factory.mktemp("pictures") / "otter.png"
    path.write_bytes(picture())
    return path


@pytest.fixture(scope="session")
def otter_mask(tmp_path_factory):
    """A mask for that picture, in a file."""
    path = tmp_path_factory.mktemp("pictures") / "mask.png"
    path.write_bytes(mask())
    return path
