"""openapi.yaml as a judge: what a gateway answers is described there, in every test that asks one over HTTP."""

import functools
import json
import pathlib
import re

import jsonschema_rs
import yaml

DESCRIPTION = yaml.safe_load((pathlib.Path(__file__).parents[2] / "openapi.yaml").read_text())
#: Fields of the transport, and what browsers need of every answer, as the description says at its head.
EVERYWHERE = {"connection", "content-length", "content-type", "date", "transfer-encoding"}
EVERYWHERE |= {"access-control-allow-origin", "access-control-expose-headers"}
#: And what keys with limits are told of them.
EVERYWHERE |= {f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "images")}


def judge(method, path, status, fields, body):
    """Raises unless the answer, its fields a dictionary by lower-case names, is one that is described.

    What is asked of no described path, or with no described method, has no description to keep to.
    """
    operation = operation_of(method, path)
    if operation is None:
        return
    where = f"{method} {path} → {status}"
    assert str(status) in operation["responses"], f"{where} is not described"
    response = resolved(operation["responses"][str(status)])
    described = {name: resolved(field) for name, field in response.get("headers", {}).items()}
    unknown = fields.keys() - described.keys() - EVERYWHERE
    assert not unknown, f"{where}: these fields are not described: {unknown}"
    for name, field in described.items():
        assert name in fields or not field.get("required"), f"{where} has no {name}"
        if name in fields:
            valid(field["schema"], fields[name], f"{where}: {name}")
    media_type = fields.get("content-type", "").partition(";")[0]
    contents = response.get("content", {"": {}})
    assert media_type in contents, f"{where}: {media_type} is not described"
    schema = contents[media_type].get("schema")
    if method == "HEAD" or schema is None:
        return
    if media_type != "text/event-stream":
        valid(schema, json.loads(body), where)
        return
    for event in events(body.decode()):
        valid(schema, event, where)
        data = json.loads(event["data"])
        # An annotation to validators, which do not look into a text.
        valid(resolved(schema)["properties"]["data"]["contentSchema"], data, where)
        assert data["type"] == event["event"]


def operation_of(method, path):
    path = re.sub("^(/openai)?(/v1)*/(?=images/|models)", "/v1/", path.partition("?")[0])
    for template, item in DESCRIPTION["paths"].items():
        pattern = re.sub(r"\{model}", ".+", template)
        if re.fullmatch(re.sub(r"\{\w+}", "[^/]+", pattern), path):
            return item.get("get" if method == "HEAD" else method.lower())
    return None


def events(text):
    """The fields of each event, comments aside."""
    assert text.endswith("\n\n") or not text
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            yield dict(line.split(": ", 1) for line in block.split("\n"))


def resolved(item):
    while "$ref" in item and item["$ref"].startswith("#/") and len(item) == 1:
        item = functools.reduce(dict.get, item["$ref"].removeprefix("#/").split("/"), DESCRIPTION)
    return item


def valid(schema, value, where):
    try:
        validator(json.dumps(schema)).validate(value)
    except jsonschema_rs.ValidationError as error:
        raise AssertionError(f"{where} is not as described: {error}") from None


@functools.cache
def validator(schema):
    return jsonschema_rs.Draft202012Validator(json.loads(schema) | {"components": DESCRIPTION["components"]})
