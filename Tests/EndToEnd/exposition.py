"""Prometheus' text format 0.0.4, read strictly: by the parser of its own client, and by what that lets pass."""

import math
import re

COUNTED = {"counter", "gauge", "histogram", "summary"}
SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)', re.IGNORECASE)


class Page:
    """The samples of a page by name and labels; `page("easel_jobs", state="done")` is the value of one."""

    def __init__(self, text):
        # Here, so that the other tests run where the pins have not been installed since this one came.
        from prometheus_client.parser import text_string_to_metric_families

        check_lines(text)
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = {}
        for family in self.families.values():
            assert family.type in COUNTED and family.documentation, family
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in self.samples, f"{key} is told twice"
                assert not math.isnan(sample.value) and sample.value >= 0, sample
                self.samples[key] = sample.value
            if family.type == "counter":
                # The parser takes this off the name of the family.
                assert all(sample.name == f"{family.name}_total" for sample in family.samples), family
            if family.type == "histogram":
                check_histogram(family)

    def __call__(self, name, **labels):
        return self.samples[name, frozenset(labels.items())]

    @property
    def names(self):
        """As queries spell them, the lines of a histogram included."""
        return {name for name, _ in self.samples}


def check_lines(text):
    """Every family has its help and its type, once and in this order, and all its samples after them."""
    assert text.endswith("\n") and "\n\n" not in text and "\r" not in text
    begun = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if line.startswith("# HELP "):
            begun.append(line.split(" ")[2])
            assert begun.count(begun[-1]) == 1, f"{begun[-1]} begins twice"
            typed = False
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == begun[-1] and not typed and line.split(" ")[3] in COUNTED, line
            typed = True
        else:
            assert typed and (match := SAMPLE.fullmatch(line)), line
            assert re.fullmatch(re.escape(begun[-1]) + "(_bucket|_sum|_count)?", match[1]), line
            float(match[3])


def check_histogram(family):
    """Buckets that never fall, and the last of which is all there are."""
    series = {}
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        lines = series.setdefault(frozenset(labels.items()), {"buckets": []})
        if sample.name.endswith("_bucket"):
            lines["buckets"].append((float(bound), sample.value))
        else:
            lines[sample.name.removeprefix(family.name)] = sample.value
    for lines in series.values():
        bounds, counts = zip(*lines["buckets"], strict=True)
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == math.inf, bounds
        assert list(counts) == sorted(counts) and counts[-1] == lines["_count"], counts
        assert lines["_sum"] >= 0
