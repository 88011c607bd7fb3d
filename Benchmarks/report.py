"""What was measured, as a table for people, as JSON for programs, and as a picture."""

import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
from dataclasses import dataclass

#: As the table calls the servers.
NAMES = {
    "easel": "Easel",
    "before": "Easel before",
    "relaxed": "Easel relaxed",
    "litellm": "LiteLLM",
    "direct": "no gateway",
}


@dataclass
class Verdict:
    """One figure of Easel's beside what it has to be."""

    scenario: str
    title: str
    figure: str
    target: str
    is_met: bool
    #: What everybody did, part by part.
    others: list[str]
    #: For the picture: how many times better than the target, and the spread of that.
    margin: tuple = ()


def machine():
    """What it was measured on."""

    def said(*command, pattern=r"(\d+[\d.]*\S*)"):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            return None
        found = re.search(pattern, done.stdout + done.stderr)
        return found and found[1]

    root = pathlib.Path(__file__).parents[1]
    memory = pathlib.Path("/proc/meminfo").read_text()
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    pins = (root / "Benchmarks/requirements-litellm.txt").read_text()
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory": int(re.search(r"MemTotal:\s+(\d+)", memory)[1]) * 1024,
        "kernel": re.match(r"[\d.]*\d", platform.release())[0],
        "commit": commit(root),
        "swift": said("swift", "--version", pattern=r"Swift version (\S+)"),
        "nginx": said("nginx", "-v", pattern=r"nginx/(\S+)"),
        "wrk": said("wrk", "--version", pattern=r"wrk \D*(\d[\d.]*)"),
        "litellm": re.search(r"(?m)^litellm==(\S+)", pins)[1],
        "load": os.getloadavg()[0],
    }


def commit(root):
    """What was built, and whether its sources have changed since; "unknown" outside a repository."""

    def git(*command):
        return subprocess.run(["git", "-C", root, *command], capture_output=True, text=True).stdout.strip()

    try:
        name = git("describe", "--always")
        # What the binary is made of. The figures themselves are written to docs/, one scenario's before another's.
        changes = git("status", "--porcelain", "--", "Sources", "Package.swift", "scripts/build")
    except FileNotFoundError:
        return "unknown"
    return (f"{name}-dirty" if changes else name) or "unknown"


def race(race, figures):
    """The verdicts of a race: ratios are taken round by round, for a busy machine is slow for everybody."""
    summary = [f"{NAMES.get(name, name)} {measured(race, rounds)}" for name, rounds in figures.items()]
    if "before" in figures:
        pairs = zip(figures["easel"], figures["before"])
        # A machine that is busy with something else may leave no time for a single request.
        ratios = [now[race.measure] / before[race.measure] for now, before in pairs if before[race.measure] > 0] or [0]
        middle = statistics.median(ratios)
        summary.append(f"now {middle:.2f} × before ({min(ratios):.2f}–{max(ratios):.2f})")
    for racer, other, target in race.targets:
        if racer not in figures or other not in figures:
            continue
        pairs = list(zip(figures[racer], figures[other]))
        if race.measure == "rate":
            ratios = [one["rate"] / two["rate"] for one, two in pairs]
            middle = statistics.median(ratios)
            figure = f"{middle:.2f} × {NAMES.get(other, other)} ({min(ratios):.2f}–{max(ratios):.2f})"
            title = race.title if other == "nginx" else f"the same, beside {NAMES.get(other, other)}"
            yield Verdict(
                race.name, title, figure, f"≥ {target:g} ×", middle >= target, summary,
                tuple(ratio / target for ratio in (middle, min(ratios), max(ratios))),
            )  # fmt: skip
        else:
            added = [one[race.measure] - two[race.measure] for one, two in pairs]
            middle = statistics.median(added)
            spread = f"{milliseconds(min(added))}–{milliseconds(max(added))}"
            figure = f"{milliseconds(middle)} over {NAMES.get(other, other)} ({spread})"
            title = race.title + (", durability relaxed" if racer == "relaxed" else "")
            yield Verdict(
                race.name, title, figure, f"≤ {milliseconds(target)}", middle <= target, summary,
                tuple(target / max(value, 1e-6) for value in (middle, max(added), min(added))),
            )  # fmt: skip


def measured(race, rounds):
    values = [figures[race.measure] for figures in rounds]
    processor = statistics.median(figures["cpu"] / max(1, figures["requests"]) for figures in rounds)
    value = statistics.median(values)
    shown = f"{value:,.0f}/s" if race.measure == "rate" and value >= 100 else f"{value:.1f}/s"
    return f"{shown if race.measure == 'rate' else milliseconds(value)} ({milliseconds(processor)})"


def edits(result):
    easel, litellm, count = result["easel"], result.get("litellm"), result["requests"]
    others = [f"idle {megabytes(easel['idle'])}", answers(easel, count)]
    if litellm:
        others.append(
            f"LiteLLM {megabytes(litellm['peak'])} (idle {megabytes(litellm['idle'])}), {answers(litellm, count)}"
        )
    share = easel["answered"] / count
    return Verdict(
        "edits-at-once", f"{count} edits of 8 MB at once, peak of resident memory", megabytes(easel["peak"]),
        "≤ 150 MB", easel["peak"] <= 150e6 and share == 1, others,
        (150e6 / easel["peak"] if share == 1 else min(share, 0.99),) * 3,
    )  # fmt: skip


def answers(crowd, count):
    """How many were under way at once, and what became of them."""
    if crowd["answered"] == count:
        return f"all {count} at once, answered after {crowd['seconds']:.1f} s"
    others = {status: number for status, number in crowd["statuses"].items() if status != "200"}
    told = ", ".join(f"{number} × {'no answer' if status == 'None' else status}" for status, number in others.items())
    return (
        f"{crowd['at_once']} at once, {crowd['answered']} of {count} answered, {told} {crowd['refusal'][:300]}".strip()
    )


def waiting(result):
    easel, nginx = result["easel"], result["nginx"]
    is_met = easel["each"] <= 24 * 1024 and easel["answered"] == result["requests"]
    others = [f"{easel['answered']:,} answered in {easel['seconds']:.1f} s", f"nginx {nginx['each'] / 1024:.1f} KB"]
    title = f"{result['requests']:,} requests waiting for a slow provider, resident memory of each"
    return Verdict(
        "waiting", title, f"{easel['each'] / 1024:.1f} KB", "≤ 24 KB", is_met, others, (24 * 1024 / easel["each"],) * 3
    )


def start(result):
    times = result["easel"]
    middle = statistics.median(times)
    nginx = milliseconds(statistics.median(result["nginx"]))
    others = [f"{milliseconds(min(times))}–{milliseconds(max(times))}", f"nginx {nginx}"]
    return Verdict(
        "start", "start to first answer", milliseconds(middle), "≤ 100 ms", middle <= 0.1, others,
        tuple(0.1 / value for value in (middle, max(times), min(times))),
    )  # fmt: skip


def quiet(result):
    def p99(name, when):
        return statistics.median(one["p99"] for one in result[name][when])

    factors = {name: p99(name, "beside") / p99(name, "alone") for name in result}
    ratios = sorted(
        beside["p99"] / alone["p99"] for alone, beside in zip(result["easel"]["alone"], result["easel"]["beside"])
    )
    shown = [
        f"{NAMES.get(name, name)} {milliseconds(p99(name, 'alone'))} → {milliseconds(p99(name, 'beside'))}, "
        f"{sum(one['requests'] for one in figures['beside']):,} requests beside "
        f"{statistics.median(one['edits'] for one in figures['beside']):.0f} edits/s"
        for name, figures in result.items()
    ]
    title = "a small request's p99 while edits of 10 MB flow, times its p99 alone"
    figure = f"{factors['easel']:.1f} × ({ratios[0]:.1f}–{ratios[-1]:.1f}; nginx {factors['nginx']:.1f} ×)"
    return Verdict(
        "quiet", title, figure, "≤ 5 ×", factors["easel"] <= 5, shown,
        tuple(5 / factor for factor in (factors["easel"], ratios[-1], ratios[0])),
    )  # fmt: skip


def ledger(result):
    sizes = list(result)
    least, most = result[sizes[0]], result[sizes[-1]]
    factors = {question: most[question] / least[question] for question in most if question not in ("filling", "bytes")}
    slowest = max(factors, key=factors.get)
    others = [f"{question} {milliseconds(least[question])} → {milliseconds(most[question])}" for question in factors]
    title = f"a ledger of {sizes[-1]:,} jobs, beside one of {sizes[0]:,}"
    return Verdict(
        "ledger", title, f"{slowest} takes {factors[slowest]:.2f} × as long", "≤ 1.5 ×", factors[slowest] <= 1.5,
        others, (1.5 / factors[slowest],) * 3,
    )  # fmt: skip


def milliseconds(seconds):
    return f"{seconds * 1000:.3g} ms" if abs(seconds) < 0.9995 else f"{seconds * 1000:,.0f} ms"


def megabytes(bytes):
    return f"{bytes / 1e6:,.0f} MB"


def conditions(machine):
    """What was measured on, and with what, as a sentence."""
    day, time = machine["when"][:16].split("T")
    return (
        f"Measured on {day} at {time} UTC, on {machine['cores']} cores of {machine['cpu']} with "
        f"{megabytes(machine['memory'])} of memory, Linux {machine['kernel']}, load {machine['load']:.1f} before; "
        f"Easel {machine['commit']}, Swift {machine['swift']}, nginx {machine['nginx']}, LiteLLM {machine['litellm']}, "
        f"wrk {machine['wrk']}."
    )


def table(verdicts, between="; "):
    """Markdown; `between` stands between what everybody did: on a page each has a line, in a terminal they share it."""
    rows = ["| scenario | Easel | target | | everybody (CPU time of each request) |", "|---|---|---|---|---|"]
    shown = None
    for one in verdicts:
        mark = "✓" if one.is_met else "**✗**"
        others = between.join(one.others) if one.others != shown else "″"
        shown = one.others
        rows.append(f"| {one.title} | {one.figure} | {one.target} | {mark} | {others} |")
    return "\n".join(rows)


def picture(verdicts):
    """How far from its target each figure is, on a scale where every step is a doubling."""
    left, width, row = 470, 420, 26
    doublings = range(-5, 6)
    step = width / (len(doublings) - 1)

    def x(margin):
        return left + (min(5, max(-5, math.log2(max(margin, 1e-9)))) + 5) * step

    height = row * len(verdicts) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 40} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{left + width + 40}" height="{height}" fill="white"/>',
    ]
    for doubling in doublings:
        label = "target" if doubling == 0 else f"{2**doubling} ×" if doubling > 0 else f"1/{2**-doubling}"
        color = "#333" if doubling == 0 else "#ddd"
        at = x(2.0**doubling)
        parts.append(f'<line x1="{at:.1f}" y1="24" x2="{at:.1f}" y2="{height - 20}" stroke="{color}"/>')
        parts.append(f'<text x="{at:.1f}" y="16" text-anchor="middle" fill="#555">{label}</text>')
    for index, one in enumerate(verdicts):
        y = 44 + index * row
        color = "#2a7d4f" if one.is_met else "#b3402a"
        middle, low, high = (x(value) for value in one.margin)
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{one.title[:74]}</text>')
        parts.append(
            f'<line x1="{x(1):.1f}" y1="{y}" x2="{middle:.1f}" y2="{y}" stroke="{color}" stroke-width="10"/>'
            f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="#000" stroke-width="1.5"/>'
        )
    parts.append(f'<text x="{left}" y="{height - 6}" fill="#555">to the right: better than the target</text></svg>')
    return "\n".join(parts) + "\n"


def curve(result):
    """The ledger's questions by its size: flat is what they should be. Both scales are logarithmic."""
    left, width, top, height = 60, 520, 20, 260
    colors = ("#2a7d4f", "#b3402a", "#2a4f9d", "#8a6d1b", "#7a3f8f")
    sizes = list(result)
    questions = [name for name in result[sizes[0]] if name not in ("filling", "bytes")]
    least, most = math.log10(sizes[0]), math.log10(sizes[-1])
    longest, shortest = 1.0, 1e-4

    def point(size, seconds):
        across = (math.log10(size) - least) / (most - least)
        up = math.log10(min(longest, max(shortest, seconds)) / shortest) / math.log10(longest / shortest)
        return left + across * width, top + (1 - up) * height

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 170} {top + height + 40}" '
        + 'font-family="sans-serif" font-size="12">',
        f'<rect width="{left + width + 170}" height="{top + height + 40}" fill="white"/>',
    ]
    for seconds, label in ((1e-4, "0.1 ms"), (1e-3, "1 ms"), (1e-2, "10 ms"), (1e-1, "100 ms"), (1, "1 s")):
        y = point(sizes[0], seconds)[1]
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{label}</text>')
    for size in sizes:
        x = point(size, 1)[0]
        parts.append(f'<text x="{x:.1f}" y="{top + height + 20}" text-anchor="middle" fill="#555">{size:,}</text>')
    # Names stand beside the ends of their lines, from the top down, and not on one another.
    lowest = 0
    for question in sorted(questions, key=lambda question: -result[sizes[-1]][question]):
        color = colors[questions.index(question)]
        points = [point(size, result[size][question]) for size in sizes]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        x, y = points[-1]
        lowest = max(y + 4, lowest + 14)
        parts.append(f'<text x="{x + 8:.1f}" y="{lowest:.1f}" fill="{color}">{question}</text>')
    parts.append(f'<text x="{left}" y="{top + height + 36}" fill="#555">jobs in the ledger</text></svg>')
    return "\n".join(parts) + "\n"


#: Between these lines of docs/performance.md stand the figures.
BEGIN, END = "<!-- {name}: from here on by scripts/bench --docs -->", "<!-- {name}: up to here -->"


def write(folder, name, machine, results, verdicts, docs=None):
    """The files `name`.json, .md and .svg in the folder; with `docs`, that page and a picture beside it, too."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "results": results, "verdicts": [vars(one) for one in verdicts]}
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    text = f"{conditions(machine)}\n\n{table(verdicts, between='<br>')}\n"
    (folder / f"{name}.md").write_text(text)
    drawing = curve(results["ledger"]) if name == "ledger" else picture(verdicts)
    (folder / f"{name}.svg").write_text(drawing)
    if docs:
        page = docs.read_text()
        before, begin, rest = page.partition(BEGIN.format(name=name))
        _, end, after = rest.partition(END.format(name=name))
        assert begin and end, f"{docs} does not say where the figures of {name} go"
        docs.write_text(f"{before}{begin}\n\n{text}\n![{name}]({name}.svg)\n\n{end}{after}")
        docs.with_name(f"{name}.svg").write_text(drawing)
