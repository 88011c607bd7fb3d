"""Measures Easel beside nginx and LiteLLM in one run: see scripts/bench."""

import argparse
import pathlib
import resource
import time

import ledger
import report
import scenarios
import servers

#: Measurements that are no race.
SINGLES = {
    "edits-at-once": (scenarios.edits, report.edits),
    "waiting": (scenarios.waiting, report.waiting),
    "start": (scenarios.start, report.start),
    "quiet": (scenarios.quiet, report.quiet),
    "ledger": (ledger.measure, report.ledger),
}
#: Descriptors that every process may have: 8,000 clients are 16,000 connections.
DESCRIPTORS = 20_000
DOCS = servers.ROOT / "docs/performance.md"


def main():
    options = arguments()
    if options.only_check:
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard >= DESCRIPTORS, f"at least {DESCRIPTORS} open files are needed, and 'ulimit -Hn' says {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))

    started = time.monotonic()
    machine = report.machine()
    print(f"{machine['cores']} cores, {machine['cpu']}, load {machine['load']:.1f}", flush=True)
    results, verdicts = {}, []
    field = scenarios.Field(
        servers.ROOT / ".build/bench/run",
        with_litellm=not (options.without_litellm or options.ledger),
        before=options.before,
    )
    try:
        field.start()
        known = {race.name: race for race in scenarios.races(field.file_path())}
        for name in options.scenarios:
            begun = time.monotonic()
            if name in known:
                results[name] = known[name].run(field, options)
                new = list(report.race(known[name], results[name]))
            else:
                measure, judge = SINGLES[name]
                results[name] = measure(field, options)
                new = [judge(results[name])]
            verdicts += new
            for one in new:
                print(f"{'✓' if one.is_met else '✗'} {one.title}: {one.figure}, target {one.target}")
                print(f"    {'; '.join(one.others)}   [{time.monotonic() - begun:.0f} s]", flush=True)
    finally:
        field.stop()
    name = "ledger" if options.ledger else "performance"
    report.write(options.output, name, machine, results, verdicts, DOCS if options.docs else None)
    print(f"\n{report.table(verdicts)}\n\n{time.monotonic() - started:.0f} s; {options.output}/{name}.json, .md, .svg")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    names = [*(race.name for race in scenarios.races("")), *SINGLES]
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(names))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--without-litellm", action="store_true")
    parser.add_argument("--ledger", action="store_true")
    parser.add_argument("--keep-ledgers", type=pathlib.Path)
    parser.add_argument("--before", type=pathlib.Path)
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--output", type=pathlib.Path, default=servers.ROOT / ".build/bench")
    parser.add_argument("--only-check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in names:
            parser.error(f"there is no scenario '{name}': there are {', '.join(names)}")
    # The ledger's takes as long as all others together.
    options.scenarios = ["ledger"] if options.ledger else options.scenarios or names[:-1]
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    return options


if __name__ == "__main__":
    main()
