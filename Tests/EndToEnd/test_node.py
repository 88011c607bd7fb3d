"""Node's own `fetch`, with no library: forms, streams and errors as JavaScript writes and reads them."""

import json
import shutil
import subprocess

import pytest

from pictures import data_uri, opened, picture

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="there is no node")

#: `easel(path, options)` is `fetch` with the key; `tell(value)` is what the test gets.
PRELUDE = """
const [origin, key, image] = process.argv.slice(1)
const easel = (path, options = {}) =>
    fetch(origin + path, {...options, headers: {Authorization: `Bearer ${key}`, ...options.headers}})
const json = (body) => ({method: 'POST', body: JSON.stringify(body), headers: {'Content-Type': 'application/json'}})
const picture = await (await fetch(image)).blob()
const tell = (value) => console.log(JSON.stringify(value))
"""


@pytest.fixture
def node(sandbox):
    """node(script) gives what the script tells."""

    def node(script):
        arguments = [sandbox.origin, sandbox.key, data_uri(picture())]
        done = subprocess.run(
            ["node", "--input-type=module", "--eval", PRELUDE + script, "--", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return node


def test_a_prompt_becomes_a_picture(node, sandbox):
    body = node("""
        const answer = await easel('/v1/images/generations', json({prompt: 'an otter', response_format: 'url'}))
        tell(await answer.json())
    """)
    assert opened(sandbox.fetch(body["data"][0]["url"]).body)


# A Blob is called `blob` and has the type of what it was made from; an image may come before the words for it.
@pytest.mark.parametrize(
    "append", ["'image', picture", "'image[]', picture, 'ötter 水獺.png'", "'image', new Blob([picture])"]
)
def test_a_form_becomes_an_edit(node, append):
    status = node(f"""
        const form = new FormData()
        form.append({append})
        form.append('prompt', 'an otter')
        tell((await easel('/v1/images/edits', {{method: 'POST', body: form}})).status)
    """)
    assert status == 200


def test_a_body_may_be_a_stream(node):
    status = node("""
        const body = new Blob(['{"prompt": ', '"an otter"}']).stream()
        tell((await easel('/v1/images/generations', {method: 'POST', body, duplex: 'half'})).status)
    """)
    assert status == 200


def test_events_can_be_read_as_they_come(node):
    text = node("""
        const answer = await easel('/v1/images/generations', json({prompt: 'an otter', stream: true}))
        let text = ''
        for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) text += chunk
        tell([answer.headers.get('content-type').split(';')[0], text.slice(0, 40)])
    """)
    assert text == ["text/event-stream", "event: image_generation.completed\ndata: "[:40]]


def test_a_large_upload_that_is_refused_can_be_read(node):
    body = node("""
        const form = new FormData()
        form.append('prompt', 'an otter')
        form.append('image', new Blob([new Uint8Array(30_000_000)]))
        const answer = await fetch(origin + '/v1/images/edits', {method: 'POST', body: form})
        tell([answer.status, await answer.json()])
    """)
    assert body[0] == 401 and body[1]["error"]["message"]


def test_a_browser_may_ask_first_and_reads_errors(sandbox):
    wanted = "authorization, content-type, x-stainless-lang, x-stainless-retry-count, x-otter"
    ask = {"Origin": "https://otter.example", "Access-Control-Request-Method": "POST"}
    for path in ("/v1/images/generations", "/v1/models/a%2Fb", "/nowhere"):
        preflight = sandbox.request("OPTIONS", path, key=None, headers=ask | {"Access-Control-Request-Headers": wanted})
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.headers["Access-Control-Allow-Headers"] == wanted
        assert preflight.headers["Access-Control-Allow-Origin"] == "*"
        assert "DELETE" in preflight.headers["Access-Control-Allow-Methods"]
    for path, status in (("/v1/models", 401), ("/nowhere", 404), ("/v1/images/edits", 405)):
        answer = sandbox.get(path, key=None, headers={"Origin": "https://otter.example"})
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-request-id" in answer.headers["Access-Control-Expose-Headers"]
