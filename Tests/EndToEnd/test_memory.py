"""Memory while nothing happens: a request that waits for its image costs kilobytes, whoever is waited for."""

import pytest

from gateway import BINARY

#: Bytes of resident memory; docs/performance.md has the figure of 8,000, of whom each takes less than of a thousand.
#: One function that the compiler inlines into another can cost a kilobyte.
EACH = 26_000
FEW, MANY = 200, 1_000
#: Requests that may be on their way at once: the provider's queue of connections is not endless.
STRIDE = 50


@pytest.mark.skipif("debug" in BINARY.parts, reason="a build for debugging keeps more on its stacks")
def test_a_waiting_request_takes_little_memory(start, openai_upstream):
    openai_upstream.settings = {"concurrency": MANY}
    easel = start(openai_upstream)
    openai_upstream.pause()
    connections = []

    def ask_until(count):
        while len(connections) < count:
            connections.extend(send(easel) for _ in range(STRIDE))
            openai_upstream.wait_for_calls(len(connections))
        return easel.resident

    few = ask_until(FEW)
    each = (ask_until(MANY) - few) / (MANY - FEW)
    openai_upstream.resume()
    for connection in connections:
        assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        connection.close()
    assert each < EACH, f"{each:,.0f} bytes"


def send(easel):
    """A request whose answer nobody reads yet."""
    connection = easel.connect()
    connection.sendall(easel.order(response_format="url"))
    return connection
