"""What schemathesis cannot know from openapi.yaml: what a picture is, which models there are, what is not described."""

import re
import urllib.parse
import uuid

import schemathesis
from hypothesis import strategies as st
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.transport.serialization import Binary

from described import judge
from pictures import data_uri, mask

# Any text is a model or an address, and any bytes are a file, to a schema. Requests with such would all be refused for
# them, and never for what else is wrong. The picture has transparent parts, and so may be a mask too.
schemathesis.openapi.format("model", st.sampled_from(["sandbox", "dall-e-3"]))
schemathesis.openapi.format("uri", st.just(data_uri(mask())))
schemathesis.openapi.format("binary", st.just(Binary(mask())))


@schemathesis.hook
def before_call(context, case, kwargs):
    """No two requests have the same name, or the second is refused for that."""
    if re.fullmatch("[!-~]{1,255}", str((case.headers or {}).get("Idempotency-Key", ""))):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A right request may be refused when it is strict, and for more pixels than the test's gateway draws.

    And a form for several images in a stream: schemathesis cannot weigh a condition where there are files.
    """
    if not isinstance(failure, RejectedPositiveData):
        return True
    is_strict = (case.headers or {}).get("Easel-Strict") == "true"
    if is_strict and re.search(rb'"un(known|supported)_parameter"', response.content):
        return False
    is_form = case.media_type == "multipart/form-data"
    return not (b" pixels" in response.content or (is_form and b"supported with n=1" in response.content))


@schemathesis.check
def described(context, response, case):
    """The answer has no field that is not described, and its events are of the described kinds."""
    fields = {name: values[0] for name, values in response.headers.items()}
    method, path = response.request.method, urllib.parse.urlsplit(response.request.url).path
    judge(method, path, response.status_code, fields, response.content)
