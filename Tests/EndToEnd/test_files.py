"""Stored images as a browser sees them."""

import re

import pytest

from gateway import assert_error
from pictures import opened


@pytest.fixture(scope="module")
def url(sandbox):
    answer = sandbox.client.images.generate(model="sandbox", prompt="an otter", response_format="url")
    return answer.data[0].url


@pytest.fixture(scope="module")
def image(sandbox, url):
    return sandbox.fetch(url).body


def test_a_link_is_absolute_and_cannot_be_guessed(sandbox, url):
    assert re.fullmatch(re.escape(sandbox.origin) + r"/files/[A-Za-z0-9_-]{22,}\.png", url)


def test_an_image_comes_with_its_true_type_and_nothing_to_sniff(sandbox, url, image):
    fetched = sandbox.fetch(url)
    assert fetched.headers["Content-Type"] == "image/png"
    assert fetched.headers["Content-Length"] == str(len(image))
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"
    assert fetched.headers["Accept-Ranges"] == "bytes"
    assert "max-age" in fetched.headers["Cache-Control"]
    assert opened(fetched.body).format == "PNG"


def test_head_gives_the_head_alone(sandbox, url, image):
    head = sandbox.request("HEAD", path_of(url), key=None)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(image))
    assert head.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("spelling", ["{etag}", "W/{etag}", '"other", {etag}', "*"])
def test_an_image_that_the_browser_has_is_not_sent_again(sandbox, url, spelling):
    etag = sandbox.fetch(url).headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    answer = sandbox.fetch(url, **{"If-None-Match": spelling.replace("{etag}", etag)})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == etag


def test_another_etag_gets_the_image(sandbox, url, image):
    assert sandbox.fetch(url, **{"If-None-Match": '"other"'}).body == image


@pytest.mark.parametrize(
    ("range", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=10-10", slice(10, 11)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-50", slice(-50, None)),
        ("bytes=50-999999999999", slice(50, None)),
        ("bytes=-999999999999", slice(0, None)),
    ],
)
def test_a_part_of_an_image_can_be_had(sandbox, url, image, range, part):
    answer = sandbox.fetch(url, Range=range)
    start, end, _ = part.indices(len(image))
    assert answer.status == 206
    assert answer.body == image[part]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(image)}"


@pytest.mark.parametrize("range", ["bytes=999999999-", "bytes=-0"])
def test_a_part_beyond_the_end_cannot(sandbox, url, image, range):
    answer = sandbox.fetch(url, Range=range)
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(image)}"


@pytest.mark.parametrize("range", ["bytes=5-2", "otters=0-1", "bytes=a-b", "bytes=", "bytes=99999999999999999999999-"])
def test_a_malformed_range_is_ignored_or_refused(sandbox, url, image, range):
    answer = sandbox.fetch(url, Range=range)
    assert answer.status == 416 or (answer.status, answer.body) == (200, image)


def test_a_range_counts_only_for_the_version_it_was_meant_for(sandbox, url, image):
    etag = sandbox.fetch(url).headers["ETag"]
    assert sandbox.fetch(url, Range="bytes=0-9", **{"If-Range": etag}).body == image[:10]
    assert sandbox.fetch(url, Range="bytes=0-9", **{"If-Range": '"other"'}).body == image


@pytest.mark.parametrize(
    "path",
    [
        "/files/",
        "/files/otter.png",
        "/files/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.png",
        "/files/../easel.yaml",
        "/files/..%2f..%2feasel.yaml",
        "/files/%2e%2e/%2e%2e/etc/passwd",
        "/files/%00.png",
        "/files/" + "A" * 3000 + ".png",
    ],
)
def test_there_is_nothing_else_to_be_had(sandbox, path):
    answer = sandbox.get(path, key=None)
    assert answer.status in (400, 404)
    assert_error(answer, answer.status)


def path_of(url):
    return url[url.index("/files/") :]
