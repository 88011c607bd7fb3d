"""HTTP/1.1 as no decent client would send it, and the finer points that decent clients rely on."""

import http.client
import json
import os
import re
import socket
import struct

import pytest

from gateway import eventually

ORDER = json.dumps({"model": "sandbox", "prompt": "an otter", "size": "64x64"}).encode()


def exchange(easel, *pieces):
    """Sends the bytes, says that no more will come, and gives everything that came back."""
    with easel.connect() as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        while chunk := connection.recv(100_000):
            received += chunk
        return received


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def post(easel, *fields, body=ORDER, length=True):
    fields = [f"Host: 127.0.0.1:{easel.port}", f"Authorization: Bearer {easel.key}", *fields]
    if length:
        fields.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(["POST /v1/images/generations HTTP/1.1", *fields])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def get(*lines, first="GET /healthz HTTP/1.1"):
    return "\r\n".join([first, *lines]).encode("latin-1") + b"\r\n\r\n"


HOST = "Host: easel"
CHUNKED = "Transfer-Encoding: chunked"

MALFORMED_HEADS = {
    "no host": get(),
    "two hosts": get(HOST, "Host: other"),
    "obsolete folding": get(HOST, "X-Otter: one", " two"),
    "tab folding": get(HOST, "X-Otter: one", "\ttwo"),
    "folding at once": get(" X-Otter: one", HOST),
    "space before colon": get(HOST, "X-Otter : one"),
    "no colon": get(HOST, "X-Otter"),
    "no name": get(HOST, ": one"),
    "space in name": get(HOST, "X Otter: one"),
    "NUL in value": get(HOST, "X-Otter: o\0e"),
    "NUL in name": get(HOST, "X-\0tter: one"),
    "NUL in target": get(HOST, first="GET /health\0z HTTP/1.1"),
    "control in value": get(HOST, "X-Otter: \x01"),
    "bare CR in value": get(HOST, "X-Otter: one\rX-Other: two"),
    "bare LF lines": b"GET /healthz HTTP/1.1\nHost: easel\n\n",
    "one bare LF": b"GET /healthz HTTP/1.1\r\nHost: easel\nX-Otter: one\r\n\r\n",
    "two lengths": get(HOST, "Content-Length: 5", "Content-Length: 6"),
    "list of lengths": get(HOST, "Content-Length: 5, 6"),
    "signed length": get(HOST, "Content-Length: +5"),
    "negative length": get(HOST, "Content-Length: -5"),
    "hexadecimal length": get(HOST, "Content-Length: 0x5"),
    "endless length": get(HOST, "Content-Length: 99999999999999999999999999"),
    "no length": get(HOST, "Content-Length:"),
    "both lengths": get(HOST, CHUNKED, "Content-Length: 5"),
    "lengths the other way": get(HOST, "Content-Length: 5", CHUNKED),
    "chunked twice": get(HOST, CHUNKED, CHUNKED),
    "chunked before gzip": get(HOST, "Transfer-Encoding: chunked, gzip"),
    "unknown coding": get(HOST, "Transfer-Encoding: otter"),
    "almost chunked": get(HOST, "Transfer-Encoding: xchunked"),
    "chunked in 1.0": get(HOST, CHUNKED, first="GET /healthz HTTP/1.0"),
    "HTTP/2": get(HOST, first="GET /healthz HTTP/2.0"),
    "HTTP/1.10": get(HOST, first="GET /healthz HTTP/1.10"),
    "lower-case http": get(HOST, first="GET /healthz http/1.1"),
    "no version": b"GET /healthz\r\n\r\n",
    "two spaces": get(HOST, first="GET  /healthz HTTP/1.1"),
    "space in target": get(HOST, first="GET /health z HTTP/1.1"),
    "tab in request line": get(HOST, first="GET\t/healthz\tHTTP/1.1"),
    "no slash": get(HOST, first="GET healthz HTTP/1.1"),
    "bad method": get(HOST, first="G@T /healthz HTTP/1.1"),
    "letters beyond ASCII": get(HOST, first="GET /healthz/ö HTTP/1.1"),
    "huge header": get(HOST, "X-Otter: " + "x" * 200_000),
    "many headers": get(HOST, *[f"X-Otter-{number}: x" for number in range(5000)]),
    "huge target": get(HOST, first=f"GET /{'x' * 200_000} HTTP/1.1"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
    "an endless line": b"x" * 300_000,
}


@pytest.mark.parametrize("name", MALFORMED_HEADS)
def test_a_malformed_head_gets_one_4xx_and_a_closed_connection(sandbox, name):
    # What follows on the connection must not be taken for a request: that is how requests are smuggled.
    received = exchange(sandbox, MALFORMED_HEADS[name] + get(HOST))
    [status] = statuses(received)
    assert 400 <= status < 500 or status in (501, 505)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"].keys() == {"message", "type", "param", "code"}
    assert sandbox.is_alive


MALFORMED_CHUNKS = {
    "letters": b"otter\r\n",
    "negative": b"-5\r\notter\r\n0\r\n\r\n",
    "prefixed": b"0x5\r\notter\r\n0\r\n\r\n",
    "space before": b" 5\r\notter\r\n0\r\n\r\n",
    "empty size": b"\r\notter\r\n0\r\n\r\n",
    "endless size": b"fffffffffffffffff\r\notter\r\n0\r\n\r\n",
    "largest integer": b"7fffffffffffffff\r\notter\r\n0\r\n\r\n",
    "bare LF": b"5\notter\n0\n\n",
    "no line after": b"5\r\notterXX0\r\n\r\n",
    "too long": b"4\r\notter\r\n0\r\n\r\n",
    "too short": b"6\r\notter\r\n0\r\n\r\n",
    "huge extension": b"5;" + b"x" * 200_000 + b"\r\notter\r\n0\r\n\r\n",
    "NUL in extension": b"5;\0\r\notter\r\n0\r\n\r\n",
    "folded trailer": b"5\r\notter\r\n0\r\nX-Otter: one\r\n two\r\n\r\n",
    "huge trailer": b"5\r\notter\r\n0\r\nX-Otter: " + b"x" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED_CHUNKS)
def test_a_malformed_chunk_gets_one_4xx_and_a_closed_connection(sandbox, name):
    received = exchange(sandbox, post(sandbox, CHUNKED, body=MALFORMED_CHUNKS[name], length=False) + get(HOST))
    [status] = statuses(received)
    assert 400 <= status < 500
    assert sandbox.is_alive


@pytest.mark.parametrize(
    "bytes",
    [b"", b"\r\n", b"GET", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: easel\r\n"],
)
def test_a_client_that_leaves_in_the_head_is_let_go(sandbox, bytes):
    assert all(status in (400, 408) for status in statuses(exchange(sandbox, bytes)))
    assert sandbox.is_alive


def test_a_client_that_leaves_in_the_body_is_let_go(sandbox):
    before = len(sandbox.jobs())
    received = exchange(sandbox, post(sandbox)[:-5])
    assert all(status == 400 for status in statuses(received))
    assert len(sandbox.jobs()) == before
    assert sandbox.is_alive


def test_a_reset_connection_hurts_nobody(sandbox):
    for cut in (10, 60, 120, len(post(sandbox))):
        connection = sandbox.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(post(sandbox)[:cut])
        connection.close()
    assert sandbox.is_alive


def test_pipelined_requests_are_answered_in_order(sandbox):
    received = exchange(sandbox, get(HOST) + post(sandbox) + get(HOST, first="GET /nowhere HTTP/1.1") + get(HOST))
    assert statuses(received) == [200, 200, 404, 200]


def test_one_connection_serves_many_requests(sandbox):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    connection.connect()
    local_port = connection.sock.getsockname()
    for _ in range(50):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() is not None
        assert connection.sock and connection.sock.getsockname() == local_port
    connection.close()


def test_a_request_may_arrive_byte_by_byte(sandbox):
    request = post(sandbox)
    received = exchange(sandbox, *[request[index : index + 1] for index in range(len(request))])
    assert statuses(received) == [200]


@pytest.mark.parametrize(
    "body",
    [
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(ORDER), ORDER),
        b"%X;otter=yes\r\n%b\r\n000\r\nX-Trailer: one\r\n\r\n" % (len(ORDER), ORDER),
        b"".join(b"1\r\n%c\r\n" % byte for byte in ORDER) + b"0\r\n\r\n",
    ],
    ids=["one chunk", "extension and trailer", "bytes"],
)
def test_a_chunked_body_is_read(sandbox, body):
    assert statuses(exchange(sandbox, post(sandbox, CHUNKED, body=body, length=False))) == [200]


def test_a_client_that_asks_before_sending_is_told_to_go_on(sandbox):
    with sandbox.connect() as connection:
        connection.sendall(post(sandbox, "Expect: 100-continue")[: -len(ORDER)])
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ORDER)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_nobody_is_told_to_go_on_who_did_not_ask(sandbox):
    with sandbox.connect() as connection:
        connection.sendall(post(sandbox)[: -len(ORDER)])
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1000)


def test_a_connection_is_closed_when_the_client_wants_that(sandbox):
    for lines in ([HOST, "Connection: close"], [HOST, "Connection: keep-alive, Close"]):
        with sandbox.connect() as connection:
            connection.sendall(get(*lines))
            received = b""
            while chunk := connection.recv(10_000):
                received += chunk
            assert statuses(received) == [200]


def test_http_1_0_is_served_and_closed(sandbox):
    with sandbox.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        received = b""
        while chunk := connection.recv(10_000):
            received += chunk
        assert statuses(received) == [200]


def test_many_idle_connections_hurt_nobody(sandbox):
    connections = [sandbox.connect() for _ in range(300)]
    try:
        assert sandbox.is_alive
    finally:
        for connection in connections:
            connection.close()


def test_no_connection_stays_open_that_its_client_has_closed(sandbox):
    descriptors = f"/proc/{sandbox.process.pid}/fd"
    before = len(os.listdir(descriptors))
    for _ in range(100):
        with sandbox.connect() as connection:
            connection.sendall(post(sandbox)[:-3])
    eventually(lambda: len(os.listdir(descriptors)) <= before + 5)
