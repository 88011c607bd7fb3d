"""Schemathesis holds the gateway to every word of `openapi.yaml`; schemathesis.toml and openapi_hooks.py say how."""

import json
import os
import pathlib
import subprocess
import sys

from conftest import started
from described import DESCRIPTION, operation_of

HERE = pathlib.Path(__file__).parent


def test_what_is_served_is_what_is_described(tmp_path):
    # As many pixels as a picture has by default, so that none takes long to draw.
    for easel in started(tmp_path, limits={"pixels": "1100000"}):
        done = subprocess.run(
            [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"]
            + ["run", HERE.parents[1] / "openapi.yaml", "--url", easel.origin]
            + ["--header", f"Authorization: Bearer {easel.key}"]
            + ["--report-har-path", tmp_path / "exchanges.json", "--no-color"],
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "120", "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    # Not everything was refused at the door: every operation has succeeded with something.
    exchanges = json.loads((tmp_path / "exchanges.json").read_text())["log"]["entries"]
    succeeded = [
        operation_of(exchange["request"]["method"], "/" + exchange["request"]["url"].split("/", 3)[3])["operationId"]
        for exchange in exchanges
        if exchange["response"]["status"] in (200, 202)
    ]
    assert set(succeeded) == {
        item[method]["operationId"]
        for item in DESCRIPTION["paths"].values()
        for method in ("get", "post", "delete")
        if method in item
    }
