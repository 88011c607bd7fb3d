"""The fixtures: gateways, each with its own configuration and data, and the providers behind them."""

import asyncio
import pathlib
import signal
import tempfile

import openai
import pytest

pytest.register_assert_rewrite("gateway")

import described  # noqa: E402
import upstreams  # noqa: E402
from gateway import BINARY, OFFLINE, SANDBOX, Gateway  # noqa: E402

Gateway.judge = staticmethod(described.judge)

#: Seconds that one test may take, unless it is marked with `takes`.
TEST_WITHIN = 90


def pytest_sessionstart(session):
    if not BINARY.is_file():
        pytest.exit(f"there is no {BINARY}: build it with 'swift build', or name another in EASEL_BINARY", returncode=1)


@pytest.fixture(autouse=True)
def time_limit(request):
    """No test hangs: one that takes too long fails where it is."""
    marker = request.node.get_closest_marker("takes")
    seconds = marker.kwargs["seconds"] if marker else TEST_WITHIN

    def fail(*_):
        raise TimeoutError(f"the test took more than {seconds} s")

    signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture
def start(tmp_path):
    """start() gives a gateway with the sandbox; start(upstream) one whose model `picture` is made by that upstream."""
    yield from starter(tmp_path)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A gateway with only the sandbox, shared by a file's tests: for those that leave nothing behind."""
    starting = starter(tmp_path_factory.mktemp("sandbox"))
    yield next(starting)()
    next(starting, None)


def starter(folder):
    gateways = []

    def start(upstream=None, model=None, **configuration):
        if upstream is not None:
            provider = {"dialect": upstream.dialect, "base_url": upstream.base_url, "api_key": "${UPSTREAM_KEY}"}
            provider |= upstream.settings
            route = {"provider": "upstream", "model": model or upstream.model, "price": 0.025}
            configuration = {
                "providers": OFFLINE | {"upstream": provider},
                "models": SANDBOX | {"picture": {"routes": [route]}},
                "allow_private": ["127.0.0.0/8"],
            } | configuration
        home = pathlib.Path(tempfile.mkdtemp(prefix="gateway", dir=folder))
        gateway = Gateway(home, **configuration)
        try:
            gateway.start()
        except BaseException:
            gateway.end()
            raise
        gateways.append(gateway)
        return gateway

    yield from ending(gateways, start)


def ending(gateways, give):
    """Gives something to a test, stops the gateways after it, and leaves none of them running."""
    try:
        yield give
        for gateway in gateways:
            gateway.stop()
    finally:
        for gateway in gateways:
            gateway.end()


@pytest.fixture
def modelverse():
    yield from serving(upstreams.Modelverse())


@pytest.fixture
def openai_upstream():
    yield from serving(upstreams.OpenAI())


@pytest.fixture
def file_server():
    """Somebody's web server: `publish` gives a link."""
    yield from serving(upstreams.Upstream())


def serving(upstream):
    try:
        yield upstream
    finally:
        upstream.close()


@pytest.fixture(params=["OpenAI", "AsyncOpenAI"])
def images(request):
    """images(gateway).generate(…) and .edit(…), by the synchronous and by the asynchronous client."""

    class Images:
        def __init__(self, gateway):
            self.gateway = gateway

        def generate(self, **arguments):
            return self.call("generate", arguments)

        def edit(self, **arguments):
            return self.call("edit", arguments)

        def call(self, method, arguments):
            if request.param == "OpenAI":
                with openai.OpenAI(**self.gateway.client_options) as client:
                    return getattr(client.images, method)(**arguments)

            async def call():
                async with openai.AsyncOpenAI(**self.gateway.client_options) as client:
                    return await getattr(client.images, method)(**arguments)

            return asyncio.run(call())

    return Images
