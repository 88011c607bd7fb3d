"""The commands: what they print, and what a running server makes of them."""

import contextlib
import json
import re
import sqlite3
import subprocess

import pytest

from gateway import BINARY, ROOT, eventually, free_port

COMMANDS = ["serve", "reload", "check", "keys", "usage", "jobs", "dialects"]


def easel(*arguments, cwd=None, environment={}):
    return subprocess.run(
        [BINARY, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=cwd,
        env={"PATH": "/usr/bin"} | environment,
    )


def test_easel_alone_tells_its_commands():
    done = easel()
    for command in COMMANDS:
        assert f"easel {command}" in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["help"]])
def test_help_is_no_mistake(arguments):
    done = easel(*arguments)
    assert done.returncode == 0
    assert "easel serve" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["sevre"],
        ["serve", "--confg", "easel.yaml"],
        ["serve", "--config"],
        ["keys", "crate"],
        ["keys", "create"],
        ["keys", "revoke"],
        ["jobs", "show"],
        ["usage", "--by", "moon"],
        ["usage", "--since", "yesterday"],
        ["check", "one", "too", "many"],
    ],
    ids=" ".join,
)
def test_a_mistyped_command_is_a_usage_error(arguments):
    done = easel(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip()


def test_a_mistyped_command_gets_a_suggestion():
    assert "serve" in easel("sevre").stderr


# keys


def test_a_new_key_works_within_a_second_and_a_revoked_one_stops(sandbox):
    key = sandbox.create_key("otter's")  # waits no longer than a second
    [listed] = [row for row in json.loads(sandbox.run("keys", "list", "--json")) if row["name"] == "otter's"]
    sandbox.run("keys", "revoke", listed["id"])
    eventually(lambda: sandbox.get("/v1/models", key=key).status == 401, within=1)
    assert sandbox.get("/v1/models").status == 200


def test_keys_are_listed_without_showing_them(sandbox):
    key = sandbox.create_key("listed")
    for listing in (sandbox.run("keys", "list"), sandbox.run("keys", "list", "--json")):
        assert "listed" in listing
        assert key not in listing


def test_a_key_is_kept_only_as_its_hash(sandbox):
    secret = sandbox.create_key("hashed").encode()
    for file in sandbox.data.rglob("*"):
        assert file.is_dir() or secret not in file.read_bytes(), file


def test_a_key_that_could_not_be_written_down_is_no_success(sandbox):
    command = [BINARY, "keys", "create", "--name", "lost", "--config", sandbox.config]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=sandbox.environment)
    assert done.returncode == 1
    assert "cannot write to standard output: No space left on device" in done.stderr
    # It is known by its id, and can be revoked.
    assert re.search(r"key_\w+", done.stderr)


def test_a_key_that_does_not_exist_cannot_be_revoked(sandbox):
    assert "nobody" in sandbox.run("keys", "revoke", "nobody", exit_code=1)


def test_keys_can_be_made_before_the_first_start(start):
    gateway = start()
    gateway.stop()
    key = gateway.create_key("early")
    gateway.start()
    assert gateway.get("/v1/models", key=key).status == 200


def test_no_command_upgrades_the_ledger_of_a_gateway_that_runs(start):
    gateway = start()
    with contextlib.closing(sqlite3.connect(gateway.data / "easel.sqlite", isolation_level=None)) as ledger:
        migrations = lambda: ledger.execute("SELECT name FROM migrations ORDER BY position").fetchall()  # noqa: E731
        newest = migrations()
        # Of an older version, to whoever looks: this step can be taken again.
        ledger.execute("DELETE FROM migrations WHERE name LIKE '0010 %'")
        assert migrations() == newest[:9]
        told = gateway.run("keys", "create", "--name", "new", exit_code=1)
        assert (
            f"the gateway that uses it (process {gateway.process.pid}). Restart the gateway with this version" in told
        )
        gateway.run("keys", "list", exit_code=1)
        assert migrations() == newest[:9]
        assert gateway.post("/v1/images/generations", {"prompt": "an otter"}).status == 200
        gateway.stop()
        key = gateway.create_key("new")
        assert migrations() == newest
    gateway.start()
    assert gateway.get("/v1/models", key=key).status == 200


# usage, dialects


def test_usage_counts_what_was_made(start):
    gateway = start()
    for _ in range(3):
        gateway.client.images.generate(prompt="an otter")
    for by, word in [("key", "tests"), ("model", "sandbox"), ("provider", "offline"), ("day", "20")]:
        table = gateway.run("usage", "--by", by)
        assert re.search(rf"{word}.*\b3\b", table), table
    assert json.loads(gateway.run("usage", "--json"))


def test_dialects_are_listed():
    done = easel("dialects")
    assert done.returncode == 0
    for dialect in ("sandbox", "openai", "modelverse"):
        assert dialect in done.stdout


def test_a_dialect_shows_its_parameters():
    done = easel("dialects", "modelverse")
    assert done.returncode == 0
    for parameter in ("negative_prompt", "n", "strength", "steps", "guidance_scale", "seed", "response_format"):
        assert re.search(rf"\b{parameter}\b", done.stdout)


def test_an_unknown_dialect_gets_a_suggestion():
    done = easel("dialects", "modelvers")
    assert done.returncode == 1
    assert "modelverse" in done.stderr


# check

BROKEN = """\
listen: 127.0.0.1:notaport
public_url: otter
data: ./var
providers:
  seaart: {dialect: sandbx}
  other: {dialect: openai, api_key: "${NO_SUCH_VARIABLE}", api_kye: x}
models:
  sandbox:
    routes:
      - {provider: seart, model: sandbox}
      - {provider: other, model: gpt-image-2, price: cheap}
aliases: {dall-e-3: sandbix}
defaults: {generate: sandbox, edit: sandbox, imagine: sandbox}
results: {keep: 30 moons, max_disk: lots}
limits: {body: -1, images: many}
modles: {}
"""
MISTAKES = {
    "notaport": None,
    "otter": None,
    "sandbx": "sandbox",
    "${NO_SUCH_VARIABLE}": None,
    "api_kye": "api_key",
    "seart": "seaart",
    "cheap": None,
    "sandbix": "sandbox",
    "imagine": None,
    "30 moons": None,
    "lots": None,
    "-1": None,
    "many": None,
    "modles": "models",
}


def test_every_mistake_is_told_at_once_with_its_place_and_a_suggestion(tmp_path):
    config = tmp_path / "easel.yaml"
    config.write_text(BROKEN)
    done = easel("check", "--config", config)
    assert done.returncode == 1
    told = (done.stdout + done.stderr).splitlines()
    for mistake, suggestion in MISTAKES.items():
        [line] = [number for number, text in enumerate(BROKEN.splitlines(), 1) if mistake in text]
        text = BROKEN.splitlines()[line - 1]
        column = text.index(mistake) + 1
        # A quoted value may be said to begin at its quote, and `127.0.0.1:notaport` at its own first letter.
        starts = {column, column - 1, text.rfind(" ", 0, column) + 2}
        places = [f"{config}:{line}:{start}:" for start in starts]
        [message] = [message for message in told if message.startswith(tuple(places))]
        assert suggestion is None or f"'{suggestion}'" in message


@pytest.mark.parametrize(
    "text",
    [
        "listen: [",
        "\tlisten: x",
        "- a list",
        "a string",
        "listen: a\nlisten: b",
        "&a [*a]",
        "a: &b {c: *b}",
        "\x00",
        "\xff",
    ],
    ids=repr,
)
def test_what_is_not_a_configuration_is_refused_with_a_place(tmp_path, text):
    config = tmp_path / "easel.yaml"
    config.write_text(text, encoding="latin-1")
    done = easel("check", "--config", config)
    assert done.returncode == 1
    assert re.search(rf"{config}(:\d+:\d+)?: ", done.stdout + done.stderr)


def test_a_configuration_that_is_not_there_is_refused_by_name(tmp_path):
    done = easel("check", "--config", tmp_path / "otter.yaml")
    assert done.returncode == 1
    assert "otter.yaml" in done.stderr


def test_a_server_does_not_start_with_a_broken_configuration(tmp_path):
    config = tmp_path / "easel.yaml"
    config.write_text(BROKEN)
    done = easel("serve", "--config", config)
    assert done.returncode == 1
    assert f"{config}:10:" in done.stderr


def test_the_example_configuration_is_right():
    for config in (ROOT / "config/easel.yaml", ROOT / "deploy/easel.container.yaml"):
        done = easel("check", "--config", config, environment={"EASEL_PUBLIC_URL": "https://images.example.com"})
        assert done.returncode == 0, done.stdout + done.stderr


def test_check_shows_no_secret(tmp_path):
    config = tmp_path / "easel.yaml"
    config.write_text(BROKEN)
    done = easel("check", "--config", config, environment={"NO_SUCH_VARIABLE": "upstream-secret-key"})
    assert "upstream-secret-key" not in done.stdout + done.stderr


def test_a_taken_port_is_told_clearly(sandbox, tmp_path):
    config = tmp_path / "easel.yaml"
    settings = json.loads(sandbox.config.read_text()) | {"data": str(tmp_path / "data")}
    config.write_text(json.dumps(settings))
    done = easel("serve", "--config", config)
    assert done.returncode == 1
    assert str(sandbox.port) in done.stderr


def test_two_servers_do_not_share_their_data(sandbox, tmp_path):
    """The second one would take the requests that the first is working on for what a crash has left."""
    config = tmp_path / "easel.yaml"
    config.write_text(json.dumps(json.loads(sandbox.config.read_text()) | {"listen": f"127.0.0.1:{free_port()}"}))
    done = easel("serve", "--config", config)
    assert done.returncode == 1
    assert str(sandbox.data) in done.stderr
    assert sandbox.is_alive


def test_tables_fit_people(sandbox):
    sandbox.client.images.generate(prompt="an otter")
    for command in (["jobs", "list"], ["keys", "list"], ["usage"]):
        lines = sandbox.run(*command).rstrip().splitlines()
        assert len(lines) >= 2, command
        assert all(len(line) <= 160 and line == line.rstrip() for line in lines), command
