"""The providers that stream, each in its own events; a test may hold them up before the last one."""

import base64
import json
import threading

from pictures import picture
from upstreams import OpenAI, Refusal
from upstreams_pages import Page


class Stage:
    """An exchange that is answered with events, as they come to pass."""

    def __init__(self, exchange):
        self.exchange = exchange
        exchange.begin(200, None, "text/event-stream; charset=utf-8", Cache_Control="no-cache")

    def event(self, type, data):
        self.write(f"event: {type}\ndata: {json.dumps({'type': type} | data)}\n\n".encode())

    def write(self, bytes):
        self.exchange.wfile.write(bytes)

    def end(self):
        self.exchange.close_connection = True


class StreamingProvider:
    """What the providers below have in common: a last act that can be held up, and other ones in its place."""

    def __init__(self):
        super().__init__()
        #: The unfinished pictures that it showed, in order.
        self.shown = []
        #: Pictures to show instead of small ones.
        self.next_shown = []
        self._last_acts = []
        self._may_end = threading.Event()
        self._may_end.set()

    def hold(self):
        """The last event of every stream waits for `release`."""
        self._may_end.clear()

    def release(self):
        self._may_end.set()

    def resume(self):
        self.release()
        super().resume()

    def end_with(self, *acts):
        """The next streams end like this, each a function of a `Stage`, instead of with their image."""
        self._last_acts += acts

    def finish(self, stage, act):
        self._may_end.wait(60)
        (self._last_acts.pop(0) if self._last_acts else act)(stage)
        stage.end()

    def show(self):
        self.shown.append(self.next_shown.pop(0) if self.next_shown else picture(seed=1000 + len(self.shown)))
        return self.shown[-1]


class StreamingOpenAI(StreamingProvider, OpenAI):
    """OpenAI with `stream`: partial images under way, and the image in `completed`."""

    model = edit_model = "gpt-image-1.5"
    generation_fields = OpenAI.generation_fields | {"stream": bool, "partial_images": int}
    edit_fields = OpenAI.edit_fields | {"stream", "partial_images"}

    def fulfil(self, exchange):
        order = self.order(exchange.call)
        if order.get("stream") not in (True, "true"):
            return super().fulfil(exchange)
        partial_images = int(order.get("partial_images", 0))
        if not 0 <= partial_images <= 3:
            raise Refusal(400, "invalid_value", "partial_images", "partial_images is 0 to 3.")
        if int(order.get("n", 1)) != 1:
            raise Refusal(400, "unsupported_parameter", "input", "Streaming is only supported with n=1.")
        kind = "image_edit" if exchange.call.path.endswith("/edits") else "image_generation"
        stage = Stage(exchange)
        for index in range(partial_images):
            stage.event(f"{kind}.partial_image", self.facts(self.show()) | {"partial_image_index": index})

        def complete(stage):
            [bytes] = self.make(1)
            stage.event(f"{kind}.completed", self.facts(bytes) | {"usage": self.usage})

        self.finish(stage, complete)

    def facts(self, bytes):
        return {
            "b64_json": base64.b64encode(bytes).decode(),
            "created_at": 1713833628,
            "size": "1024x1024",
            "quality": "high",
            "background": "opaque",
            "output_format": "png",
        }


class StreamingArk(StreamingProvider, Page):
    """Ark's Seedream with `stream`: what it calls partial are finished images, and `completed` has none."""

    dialect = "ark"
    model = edit_model = "doubao-seedream-4-5-251128"
    path = "/v1/images/generations"
    fields = {
        "model": lambda value: isinstance(value, str),
        "prompt": lambda value: isinstance(value, str) and value != "",
        "size": lambda value: isinstance(value, str),
        "sequential_image_generation": lambda value: value in ("auto", "disabled"),
        "watermark": lambda value: type(value) is bool,
        "response_format": lambda value: value in ("url", "b64_json"),
        "stream": lambda value: type(value) is bool,
    }

    def fulfil(self, exchange):
        call = exchange.call
        if call.target != self.path:
            self.refuse(404, f"{call.method} {call.target}")
        self.authorize(call)
        body = self.require_json(call)
        self.require_fields(body, self.fields, ["model", "prompt"])
        if not body.get("stream"):
            data = [{"url": self.publish(bytes), "size": "2048x2048"} for bytes in self.make(1)]
            return exchange.send(200, {"model": self.model, "created": 1757396757, "data": data, "usage": self.usage})
        common = {"model": self.model, "created": 1757396757}

        def complete(stage):
            [bytes] = self.make(1)
            made = {"image_index": 0, "url": self.publish(bytes), "size": "2048x2048"}
            stage.event("image_generation.partial_succeeded", common | made)
            stage.event("image_generation.completed", common | {"usage": self.usage})
            stage.write(b"data: [DONE]\n\n")

        self.finish(Stage(exchange), complete)

    usage = {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384}


# Ends to script.


def error(code, message):
    """The event that OpenAI ends a stream with when it fails."""
    body = {"message": message, "type": "image_generation_user_error", "code": code, "param": None}

    def end(stage):
        stage.event("error", {"error": body})

    return end


def cut(stage):
    """Nothing more: the connection closes."""


def half_an_image(stage):
    stage.write(b'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"iVBORw0KG')


# An answer to script, before any stream.


def refusal(exchange):
    raise Refusal(400, "moderation_blocked", None, "Not this otter.", "image_generation_user_error")
