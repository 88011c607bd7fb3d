"""openai-python's own tests of its images and models, out of its source distribution, against the gateway.

They are downloaded and not kept here. Two things are changed in them: the key, for a gateway makes its own, and the
bytes they upload, for Easel does not pass on as a picture what is none.
"""

import os
import pathlib
import re
import subprocess
import sys
import tarfile

import openai
import pytest

from conftest import HARD_CODED, started
from pictures import mask

#: Names in the tests that no gateway would have by itself.
MODELS = ["gpt-6-astra", "ft:gpt-4o-mini:acemeco:suffix:abc123"]


@pytest.fixture(scope="session")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    archive = pathlib.Path(sys.prefix, "source", f"openai-{openai.__version__}.tar.gz")
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar if re.match(r"[^/]+/(tests/|pyproject\.toml$)", member.name)]
        tar.extractall(folder, wanted)
    suite = folder / archive.name.removesuffix(".tar.gz")
    replace(suite / "tests/conftest.py", 'api_key = "My API Key"', 'api_key = os.environ["EASEL_KEY"]')
    images = suite / "tests/api_resources/test_images.py"
    replace(images, 'b"Example data"', "PICTURE")
    replace(images, "\nimport pytest\n", f"\nimport pytest\n\nPICTURE = {mask()!r}\n")
    return suite


def replace(file, old, new):
    text = file.read_text()
    assert old in text, f"{file.name} has no {old!r} any more"
    file.write_text(text.replace(old, new))


# 100 cases of images and 55 of models. Those with every parameter at once ask for what excludes each other (an SVG
# model and a PNG, several frames and a stream), which a strict gateway refuses and a lenient one reports.
@pytest.mark.parametrize(("strict", "filter", "passing"), [(False, "", 155), (True, "not all_params", 130)])
def test_the_clients_own_tests_pass(suite, tmp_path, strict, filter, passing):
    aliases = dict.fromkeys(HARD_CODED + MODELS, "sandbox")
    for easel in started(tmp_path, aliases=aliases, strict=strict):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "2", "-q", "-k", filter]
            + ["tests/api_resources/test_images.py", "tests/api_resources/test_models.py"],
            cwd=suite,
            env=os.environ | {"TEST_API_BASE_URL": easel.origin, "EASEL_KEY": easel.key},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-5000:]
        assert f"{passing} passed" in done.stdout
