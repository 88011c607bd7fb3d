"""Keys, in every place that clients put them."""

import base64

import pytest

from gateway import assert_error

LISTED = "/v1/models"


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer {key}"},
        lambda key: {"Authorization": f"BEARER   {key}"},
        lambda key: {"Authorization": key},
        lambda key: {"Authorization": basic(f":{key}")},
        lambda key: {"Authorization": basic(f"{key}:")},
        lambda key: {"api-key": key},
        lambda key: {"x-api-key": key},
    ],
    ids=["Bearer", "bearer", "spaces", "raw", "Basic password", "Basic user", "api-key", "x-api-key"],
)
def test_a_key_is_found_wherever_a_client_puts_it(sandbox, headers):
    assert sandbox.get(LISTED, key=None, headers=headers(sandbox.key)).status == 200
    answer = sandbox.get(LISTED, key=None, headers=headers(sandbox.key[:-1] + "?"))
    assert_error(answer, 401, code="invalid_api_key", param=None)
    assert sandbox.key[:-1] not in answer.body.decode()


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/sandbox"])
def test_without_a_key_nothing_is_told(sandbox, path):
    error = assert_error(sandbox.get(path, key=None), 401)
    assert "API key" in error["message"]


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic ????", "Basic Og==", "Bearer " + "k" * 10_000, "Ünïcode"]
)
def test_a_malformed_authorization_is_a_plain_401(sandbox, value):
    headers = {"Authorization": value.encode("utf-8")}
    assert_error(sandbox.get(LISTED, key=None, headers=headers), 401)


def test_a_wrong_key_is_refused_before_the_body_is_sent(sandbox):
    with sandbox.connect() as connection:
        connection.sendall(
            b"POST /v1/images/edits HTTP/1.1\r\nHost: easel\r\nAuthorization: Bearer wrong\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")
