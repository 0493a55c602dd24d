#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes the tables of docs/performance.md and its pictures of a run's raw data: report.py RESULTS.json [DOCS-FOLDER]

The tables go between <!-- figures --> and <!-- /figures -->; the pictures are performance-ratios.svg and
performance-size.svg. Several files of raw data may be given before the folder: later ones add to earlier ones.
"""
import json
import math
import os
import re
import statistics
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOOD, SHORT, GOAL, GREY = "#2f7d4f", "#b3541e", "#1d4f91", "#777777"
FONT = 'font-family="sans-serif" font-size="12"'


def shown(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def amount(value):
    """A size in bytes."""
    return f"{value / 2**20:.0f} MiB" if value >= 2**20 else f"{value / 1024:.1f} KiB"


def seconds(value):
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.1f} s"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def figures(rows):
    yield "| work | beside | crategate | peer | ratio | at least |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        met = "" if row["ratio"] >= row["goal"] else " (missed)"
        yield (f"| {row['work']} | {row['beside']} | {shown(statistics.median(row['ours']))} "
               f"| {shown(statistics.median(row['peer']))} | **{row['ratio']:.2f}**{met} | {row['goal']} |")


def by_size(sizes):
    """Sizes as columns."""
    lines = [("listening after", "start", seconds), ("memory at rest, resident", "VmRSS", amount),
             ("of that, not of files", "RssAnon", amount), ("processor used until at rest", "processor_at_rest", seconds),
             ("first read of an index file", "first_read", seconds), ("second read", "warm_read", seconds)]
    lines += [(key, key, seconds) for key in sizes[0] if key.startswith(("search: ", "list by ", "a common word by "))]
    yield "| | " + " | ".join(f"{size['crates']:,} crates" for size in sizes) + " |"
    yield "|---" * (len(sizes) + 1) + "|"
    for name, key, form in lines:
        yield f"| {name} | " + " | ".join(form(size[key]) for size in sizes) + " |"


def text_of(run):
    meta = run["meta"]
    sizes = [size for size in run["sizes"] if size["kind"] == "size"]
    yield "Measured " + ", ".join(f"{key} {value}" for key, value in meta.items()) + "."
    yield ""
    if run["rows"]:
        yield from figures(run["rows"])
        yield ""
        yield "![ratios beside their goals](performance-ratios.svg)"
        yield ""
    for size in run["sizes"]:
        if size["kind"] == "connection":
            yield (f"An idle kept connection costs {amount(size['bytes'])}. Beside the crowd the 99th percentile of an index read was "
                   f"{seconds(size['p99_busy'])}, alone {seconds(size['p99_calm'])}.")
            yield ""
    if sizes:
        yield from by_size(sizes)
        yield ""
        yield "![start, memory and requests by size](performance-size.svg)"
        yield ""
    for note in run["notes"]:
        yield f"- Not measured: {note}"


class Svg:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def text(self, x, y, text, anchor="start", fill="#222222"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" {FONT}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, stroke=GREY, width=1.0):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
                          f'stroke-width="{width}"/>')

    def bar(self, x, y, width, height, fill):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" fill="{fill}"/>')

    def dot(self, x, y, fill):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}"/>')

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write('<?xml version="1.0" encoding="UTF-8"?>\n'
                    f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                    f'viewBox="0 0 {self.width} {self.height}">\n<rect width="100%" height="100%" fill="white"/>\n')
            f.write("\n".join(self.parts) + "\n</svg>\n")


def draw_ratios(rows, path):
    """A bar a figure; 1 is the goal, so that bars can be compared."""
    left, scale, step = 460, 180, 20
    svg = Svg(left + 4 * scale // 2 + 120, 40 + step * len(rows))
    svg.text(left, 16, "ratio to the peer, in parts of the goal (line: the goal)")
    for i, row in enumerate(rows):
        y, part = 28 + i * step, min(row["ratio"] / row["goal"], 2.0)
        svg.text(left - 8, y + 12, row["work"][:74], "end")
        svg.bar(left, y, part * scale, 14, GOOD if row["ratio"] >= row["goal"] else SHORT)
        svg.text(left + part * scale + 6, y + 12, f"{row['ratio']:.2f} of {row['goal']}", fill=GREY)
    svg.line(left + scale, 24, left + scale, 30 + step * len(rows), GOAL, 1.5)
    svg.write(path)


def draw_panel(svg, top, title, sizes, lines, form):
    """One graph, both axes logarithmic: sizes to the right, values up."""
    left, width, height = 90, 380, 150
    values = [size[key] for size in sizes for _, key, _ in lines if size[key] > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    first, last = math.log10(sizes[0]["crates"]), math.log10(sizes[-1]["crates"])

    def across(crates):
        return left + width * (math.log10(crates) - first) / max(last - first, 1e-9)

    def up(value):
        return top + height - height * (math.log10(max(value, 10.0 ** low)) - low) / (high - low)
    svg.text(left, top - 10, title)
    for power in range(low, high + 1):
        svg.line(left, up(10.0 ** power), left + width, up(10.0 ** power), "#dddddd")
        svg.text(left - 6, up(10.0 ** power) + 4, form(10.0 ** power), "end", GREY)
    for size in sizes:
        svg.text(across(size["crates"]), top + height + 16, f"{size['crates']:,}", "middle", GREY)
    for name, key, colour in lines:
        for a, b in zip(sizes, sizes[1:]):
            svg.line(across(a["crates"]), up(a[key]), across(b["crates"]), up(b[key]), colour, 1.5)
        for size in sizes:
            svg.dot(across(size["crates"]), up(size[key]), colour)
    end = [up(sizes[-1][key]) for _, key, _ in lines]
    for (name, key, colour), y in zip(lines, spread(end)):
        svg.text(left + width + 10, y + 4, f"{name}: {form(sizes[-1][key])}", fill=colour)


def spread(places, least=14):
    """The same order, but no two nearer than so much."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved, last = list(places), -1e9
    for i in order:
        moved[i] = last = max(places[i], last + least)
    return moved


def draw_sizes(sizes, path):
    svg = Svg(760, 3 * 215 + 20)
    draw_panel(svg, 40, "start and the work behind it, by number of crates", sizes,
               [("listening after", "start", GOOD), ("processor until at rest", "processor_at_rest", SHORT)], seconds)
    draw_panel(svg, 40 + 215, "memory at rest", sizes,
               [("resident", "VmRSS", GOAL), ("not of files", "RssAnon", GOOD)], amount)
    draw_panel(svg, 40 + 2 * 215, "requests", sizes,
               [("first read", "first_read", SHORT), ("second read", "warm_read", GOOD),
                ("search, a common word", "search: a common word", GOAL), ("list by downloads", "list by downloads", GREY)],
               seconds)
    svg.write(path)


def merged(paths):
    run = {"meta": {}, "rows": [], "notes": [], "sizes": []}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            more = json.load(f)
        run["meta"] = run["meta"] or more["meta"]
        for key in ("rows", "notes", "sizes"):
            run[key] += more[key]
    return run


def main(words):
    docs = words.pop() if words and os.path.isdir(words[-1]) else os.path.join(TOP, "docs")
    if not words:
        sys.exit(__doc__)
    run = merged(words)
    if run["rows"]:
        draw_ratios(run["rows"], os.path.join(docs, "performance-ratios.svg"))
    sizes = sorted((size for size in run["sizes"] if size["kind"] == "size"), key=lambda size: size["crates"])
    if sizes:
        draw_sizes(sizes, os.path.join(docs, "performance-size.svg"))
    page = os.path.join(docs, "performance.md")
    with open(page, encoding="utf-8") as f:
        text = f.read()
    table = "<!-- figures -->\n" + "\n".join(text_of(run)).rstrip() + "\n<!-- /figures -->"
    text, count = re.subn(r"<!-- figures -->.*?<!-- /figures -->", lambda _: table, text, flags=re.S)
    if count != 1:
        sys.exit(f"{page} has no place for the figures")
    with open(page, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
