"""Providers on loopback that enforce their page to the letter, keep every request, and misbehave when told to.

A test reads `upstream.calls` (what would have cost money) and `upstream.downloads` (what is free).
"""

import base64
import email.parser
import email.policy
import http.server
import json
import threading
import time
import urllib.request
from urllib.parse import urlsplit

from pictures import opened, picture

#: The key that every upstream demands; a gateway gets it through its environment.
KEY = "upstream-secret-key"


class Call:
    """One request as it came over the wire."""

    def __init__(self, method, target, headers, body):
        self.method = method
        #: Verbatim, as sent: path and query.
        self.target = target
        self.path = urlsplit(target).path
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def parts(self):
        """The parts of a multipart body in order, each with `.name`, `.filename`, `.type` and `.bytes`."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        if not message.is_multipart():
            raise Refusal(400, "invalid_request_error", None, "The body is not multipart.")
        return [Part(part) for part in message.iter_parts()]


class Part:
    def __init__(self, message):
        self.name = message.get_param("name", header="Content-Disposition")
        self.filename = message.get_filename()
        self.type = message.get_content_type()
        self.bytes = message.get_payload(decode=True)

    @property
    def text(self):
        return self.bytes.decode()


class Refusal(Exception):
    """A request that the provider does not take, in the four words that an OpenAI-like error has."""

    def __init__(self, status, code, param, message, type="invalid_request_error"):
        super().__init__(message)
        self.status, self.code, self.param, self.message, self.type = status, code, param, message, type

    @property
    def body(self):
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class Exchange(http.server.BaseHTTPRequestHandler):
    """One request being answered. The methods below are what an answer is written with."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds without a byte

    def do_GET(self):
        self.respond()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def respond(self):
        upstream = self.server.upstream
        try:
            self.call = Call(self.command, self.path, self.headers, self.read_body())
            upstream.respond(self)
        except Refusal as refusal:
            self.send(refusal.status, refusal.body)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status, body, media_type="application/json", **fields):
        """A whole answer; a dictionary goes as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.begin(status, len(body), media_type, **fields)
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, status, length, media_type="application/json", **fields):
        """The head of an answer; `length` None means: until the connection closes."""
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    #: How many connections may wait to be accepted: Python's own 5 are fewer than a gateway opens at once.
    request_queue_size = 128


class Upstream:
    """A provider that takes nothing; the classes below say what they take."""

    #: What a gateway's configuration says about this provider, and the name of its model, or models.
    dialect = model = edit_model = None
    settings = {}

    def __init__(self):
        #: Every request that could have cost money, in order of arrival.
        self.calls = []
        #: Every other request.
        self.downloads = []
        #: The pictures it made, in order.
        self.made = []
        #: Links to results work until this is set.
        self.expired = False
        self._results = {}
        self._next_link = None
        self._scripted_answers = []
        self._scripted_downloads = []
        self._open = threading.Event()
        self._open.set()
        self._arrived = threading.Condition()
        self._server = Server(("127.0.0.1", 0), Exchange)
        self._server.upstream = self
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self):
        return f"{self.origin}/v1"

    def close(self):
        self.resume()
        self._server.shutdown()
        self._server.server_close()

    # What a test tells it

    def answer_with(self, *answers):
        """The next paid calls get these, each a function of an `Exchange`, instead of what the page says."""
        self._scripted_answers += answers

    def answer_downloads_with(self, *answers):
        self._scripted_downloads += answers

    def answer_with_link(self, link):
        """Results are said to be there from now on, wherever that is."""
        self._next_link = link

    def pause(self):
        """Paid calls arrive and are counted, and wait for `resume`."""
        self._open.clear()

    def resume(self):
        self._open.set()

    def wait_for_calls(self, count=1, within=10):
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(self.calls) >= count, within)
        assert arrived, f"{len(self.calls)} of {count} calls came within {within} s"

    # What it does

    def respond(self, exchange):
        call = exchange.call
        if call.method == "POST":
            with self._arrived:
                self.calls.append(call)
                scripted = self._scripted_answers.pop(0) if self._scripted_answers else None
                self._arrived.notify_all()
            self._open.wait(60)
            (scripted or self.fulfil)(exchange)
        else:
            self.downloads.append(call)
            scripted = self._scripted_downloads.pop(0) if self._scripted_downloads else None
            (scripted or self.download)(exchange)

    def fulfil(self, exchange):
        """Answers a paid call as the page says; the subclass's work."""
        raise Refusal(404, "not_found", None, f"Nothing is served at {exchange.call.path}.")

    def download(self, exchange):
        """Serves a result to whoever has its exact link: a signature covers every byte of it."""
        bytes = self._results.get(exchange.call.target)
        if "Authorization" in exchange.call.headers:
            body = b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>"
            exchange.send(400, body, "application/xml")
        elif bytes is None or self.expired:
            body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            exchange.send(403, body, "application/xml")
        else:
            exchange.send(200, bytes, "image/png")

    def publish(self, bytes):
        """A link to `bytes` of the kind that breaks when it is decoded and encoded again."""
        if self._next_link is not None:
            return self._next_link
        target = self.target(len(self._results) + 1)
        self._results[target] = bytes
        return self.origin + target

    @property
    def links(self):
        """Every link that it gave out."""
        return [self.origin + target for target in self._results]

    def target(self, number):
        return f"/results/team%2Fotter{number}.png?Expires=1999999999&Signature=a%2Bb%3D{number}secretsignature&q=%7E"

    def make(self, count):
        pictures = [picture(seed=len(self.made) + index) for index in range(count)]
        self.made += pictures
        return pictures

    def make_next(self, *pictures):
        """The next results are these bytes, whatever they are."""
        pending = list(pictures)
        plain = Upstream.make

        def make(count):
            nonlocal pending
            given, pending = pending[:count], pending[count:]
            self.made += given
            return given + plain(self, count - len(given))

        self.make = make


class Modelverse(Upstream):
    """`Qwen/Qwen-Image-Edit` as its page has it: JSON, edits by way of generations, its request id in `error.param`."""

    dialect = "modelverse"
    model = edit_model = "Qwen/Qwen-Image-Edit"
    #: Field → what it takes. `image` is required of the edit model.
    fields = {
        "model": lambda value: value in ("Qwen/Qwen-Image-Edit", "Qwen/Qwen-Image"),
        "prompt": lambda value: isinstance(value, str) and value != "",
        "image": lambda value: is_picture(value),
        "n": lambda value: is_integer(value, 1, 4),
        "strength": lambda value: is_number(value, 0, 1),
        "seed": lambda value: is_integer(value, -1, 2**63 - 1),
        "steps": lambda value: is_integer(value, 1, 50),
        "guidance_scale": lambda value: is_number(value, 1, 10),
        "negative_prompt": lambda value: isinstance(value, str),
        "response_format": lambda value: value in ("url", "b64_json"),
    }

    def __init__(self):
        super().__init__()
        #: What an item of the answer holds: "asked" follows the request, or "url", "b64_json", "both".
        self.gives = "asked"

    def fulfil(self, exchange):
        call = exchange.call
        if (call.method, call.target) != ("POST", "/v1/images/generations"):
            self.refuse(404, "not_found", f"{call.method} {call.target}")
        if call.headers.get("Authorization") != f"Bearer {KEY}":
            self.refuse(401, "auth_error", "the key is not known")
        if call.headers.get_content_type() != "application/json":
            self.refuse(400, "param_error", f"the body is {call.headers.get('Content-Type')}")
        body = call.json
        for name, value in body.items():
            if name not in self.fields or not self.fields[name](value):
                self.refuse(400, "param_error", f"{name} is not taken like this")
        required = ["model", "prompt"] + (["image"] if body.get("model") == self.model else [])
        for name in required:
            if name not in body:
                self.refuse(400, "param_error", f"{name} is missing")
        gives = body.get("response_format", "url") if self.gives == "asked" else self.gives
        data = [self.item(bytes, gives) for bytes in self.make(body.get("n", 1))]
        exchange.send(200, {"created": 1750667997, "data": data, "usage": {"input_tokens_details": {}}})

    def received_images(self, index=-1):
        """The bytes of the input image of one order, fetched if it is a link."""
        image = self.calls[index].json["image"]
        if image.startswith("http"):
            with urllib.request.urlopen(image) as response:
                return [response.read()]
        return [base64.b64decode(image.rpartition(",")[2])]

    def item(self, bytes, gives):
        item = {}
        if gives in ("url", "both"):
            item["url"] = self.publish(bytes)
        if gives in ("b64_json", "both"):
            item["b64_json"] = "data:image/png;base64," + base64.b64encode(bytes).decode()
        return item

    def refuse(self, status, code, message):
        raise Refusal(status, code, f"mv-request-{len(self.calls)}", message)


class OpenAI(Upstream):
    """OpenAI itself, or anything that speaks like it: JSON generations, multipart edits, base64 in the answer."""

    dialect = "openai"
    model = edit_model = "gpt-image-2"
    generation_fields = {
        "model": str, "prompt": str, "n": int, "size": str, "quality": str, "background": str, "output_format": str,
        "output_compression": int, "moderation": str, "response_format": str, "style": str, "user": str,
    }  # fmt: skip
    edit_fields = {
        "model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression",
        "input_fidelity", "response_format", "user",
    }  # fmt: skip
    file_types = ("image/png", "image/jpeg", "image/webp")

    def fulfil(self, exchange):
        order = self.order(exchange.call)
        count = int(order.get("n", 1))
        if order.get("response_format") == "url" or self._next_link is not None:
            data = [{"url": self.publish(bytes)} for bytes in self.make(count)]
        else:
            data = [{"b64_json": base64.b64encode(bytes).decode()} for bytes in self.make(count)]
        answer = {"created": 1713833628, "data": data, "usage": self.usage}
        exchange.send(200, answer, x_request_id=f"req_openai{len(self.calls)}")

    usage = {
        "total_tokens": 30,
        "input_tokens": 10,
        "output_tokens": 20,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    }

    def order(self, call):
        if call.headers.get("Authorization") != f"Bearer {KEY}":
            raise Refusal(401, "invalid_api_key", None, "Incorrect API key provided.")
        if call.target == "/v1/images/generations":
            order = self.generation(call)
        elif call.target == "/v1/images/edits":
            order = self.edit(call)
        else:
            raise Refusal(404, None, None, f"Invalid URL (POST {call.target})")
        if order.get("model", "").startswith("gpt-image") and "response_format" in order:
            raise Refusal(400, "unknown_parameter", "response_format", "Unknown parameter: 'response_format'.")
        if not 1 <= int(order.get("n", 1)) <= 10:
            raise Refusal(400, "invalid_value", "n", "n is 1 to 10.")
        return order

    def generation(self, call):
        if call.headers.get_content_type() != "application/json":
            raise Refusal(400, None, None, "We could not parse the JSON body of your request.")
        order = call.json
        for name, value in order.items():
            if name not in self.generation_fields:
                raise Refusal(400, "unknown_parameter", name, f"Unknown parameter: '{name}'.")
            if type(value) is not self.generation_fields[name]:
                raise Refusal(400, "invalid_type", name, f"Invalid type for '{name}'.")
        self.require(order, "prompt")
        return order

    def edit(self, call):
        order, files = {}, {}
        for part in call.parts:
            if part.filename is None:
                if part.name not in self.edit_fields:
                    raise Refusal(400, "unknown_parameter", part.name, f"Unknown parameter: '{part.name}'.")
                order[part.name] = part.text
            else:
                files.setdefault(part.name, []).append(part)
        for name, parts in files.items():
            if name not in ("image", "image[]", "mask"):
                raise Refusal(400, "unknown_parameter", name, f"Unknown parameter: '{name}'.")
            if len(parts) > 1 and name != "image[]":
                raise Refusal(400, "duplicate_parameter", name, f"Duplicate parameter: '{name}'.")
            for part in parts:
                if part.type not in self.file_types:
                    message = f"Invalid file '{name}': unsupported mimetype ('{part.type}')."
                    raise Refusal(400, "unsupported_file_mimetype", name, message)
                opened(part.bytes)
        if "image" in files and "image[]" in files:
            raise Refusal(400, "duplicate_parameter", "image", "Duplicate parameter: 'image'.")
        if not files.keys() & {"image", "image[]"}:
            raise Refusal(400, "missing_required_parameter", "image", "Missing required parameter: 'image'.")
        self.require(order, "prompt")
        return order

    def require(self, order, name):
        if not order.get(name):
            raise Refusal(400, "missing_required_parameter", name, f"Missing required parameter: '{name}'.")

    def received_images(self, index=-1):
        """The bytes of the input images of one edit, in order."""
        return [part.bytes for part in self.calls[index].parts if part.name in ("image", "image[]")]


def is_integer(value, low, high):
    return type(value) is int and low <= value <= high


def is_number(value, low, high):
    return type(value) in (int, float) and low <= value <= high


def is_picture(value):
    """Base64, with or without its `data:` prefix, of a real picture, or an http link."""
    if not isinstance(value, str):
        return False
    if value.startswith(("http://", "https://")):
        return True
    try:
        opened(base64.b64decode(value.rpartition(",")[2], validate=True))
        return True
    except Exception:
        return False


# Answers to script. Each ends by itself.


def status(code, body=None, media_type="application/json", **fields):
    """That status, with an error of the common shape or with `body`."""
    error = {"error": {"message": f"this is a {code}", "type": "server_error", "param": None, "code": None}}

    def answer(exchange):
        exchange.send(code, error if body is None else body, media_type, **fields)

    return answer


def json_as(media_type):
    """A good answer under a wrong content type."""

    def answer(exchange):
        [bytes] = exchange.server.upstream.make(1)
        body = {"created": 1, "data": [{"b64_json": base64.b64encode(bytes).decode()}]}
        exchange.send(200, body, media_type)

    return answer


def html_error(exchange):
    exchange.send(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")


def truncated_json(exchange):
    exchange.send(200, b'{"created": 1, "data": [{"b64_json": "iVBORw0KGgo')


def half_an_answer(exchange):
    """Promises more bytes than it sends, then closes."""
    exchange.begin(200, 100_000)
    exchange.wfile.write(b'{"created": 1, "data": [{"b64_json": "iVBORw0KGgo')
    exchange.close_connection = True


def no_answer(exchange):
    """Reads the request and closes without a word."""
    exchange.close_connection = True


def silence(exchange):
    """Nothing, until whoever asked gives up."""
    exchange.connection.recv(1)
    exchange.close_connection = True


def dripping(exchange):
    """A byte at a time for a second, then the end in the middle."""
    exchange.begin(200, 100_000)
    for byte in b'{"created": 1,      ':
        exchange.wfile.write(bytes([byte]))
        time.sleep(0.05)
    exchange.close_connection = True


def endless(exchange):
    """Spaces where JSON should end, for as long as they are taken, at most 2 GB. `exchange.sent` counts them."""
    exchange.begin(200, None)
    chunk = b" " * 1_000_000
    exchange.wfile.write(b'{"created": 1,')
    upstream = exchange.server.upstream
    upstream.sent = 0
    while upstream.sent < 2_000_000_000:
        exchange.wfile.write(chunk)
        upstream.sent += len(chunk)


def redirect_to(location):
    def answer(exchange):
        exchange.send(307, {}, Location=location)

    return answer
