"""The promise, put to the proof: killed at any moment, nothing is bought twice and nothing that was bought is lost."""

import pytest

import crash
from reconciliation import shown

KILLS = 30
#: Always the same circumstances here; `scripts/crash-test` draws others.
SEED = "otter"


@pytest.mark.alone
@pytest.mark.takes(seconds=240)
def test_a_gateway_that_is_killed_again_and_again_buys_nothing_twice_and_loses_nothing(tmp_path):
    crashes = crash.Crashes(tmp_path, KILLS, SEED)
    found = crashes.go()
    if found:
        pytest.fail(shown(crashes, found), pytrace=False)

    # A run that met nothing would prove nothing.
    summary = crashes.summary()
    assert summary["kills"] >= KILLS
    assert summary["jobs"]["done"] > 50
    assert summary["jobs"]["unknown"] > 5
    assert summary["tasks followed across a kill"] > 5
    assert summary["downloads resumed across a kill"] > 0
    assert summary["repeated orders that were answered"] > 5
