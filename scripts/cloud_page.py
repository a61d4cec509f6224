"""The generated parts of docs/cloud.md: the diagram from the template, the rights from their table, the bills from the price book."""

import re
from pathlib import Path

from stratofold.cloud import cost
from stratofold.cloud.clock import between
from stratofold.cloud.deploy import template_parameters, template_text
from stratofold.cloud.permissions import RIGHTS

PAGE = Path(__file__).parents[1] / "docs" / "cloud.md"
TARGETS = {
    "Journal": "journal",
    "Archive": "archive bucket",
    "MarketQueue": "market queue",
    "MarketStream": "market stream",
    "Alerts": "alerts",
    "GivenUp": "given up",
    "DeadLetters": "dead letters",
}
SWITCHED = {
    "Alarms": "all", "Dashboard": "on", "SecretStore": "secretsmanager", "KeyArn": "arn:aws:kms:…", "Waf": "on", "Stream": "on-demand",
    "Network": "on", "Cache": "on", "ProvisionedDecides": "1", "PushByQueue": "on",
}  # fmt: skip


def functions(text):
    """Each function's logical name, its verb and its body in the template."""
    for block in re.split(r"\n(?=  [A-Z]\w+:)", text):
        if "Type: AWS::Serverless::Function" in block:
            yield block.strip().split(":")[0], re.search(r"functions\.(\w+)\.handler", block)[1], block


def arrows(text):
    """What wakes what, and what writes where, as the template and the rights say it."""
    rows = []
    for name, verb, block in functions(text):
        sources = {
            "Path: /events": "POST /events",
            "Path: /webhook": "POST /webhook",
            "!GetAtt PushQueue": "push queue",
            "Bucket: !Ref Drop": "file drop",
            "EventBridgeRule": "event bus",
        }
        rows += [
            f'  {key(label)}(["{label}"]) --> {verb}'
            for mark, label in sources.items()
            if mark in block.partition("Events:\n")[2]
        ]
        if "Queue: !GetAtt MarketQueue.Arn" in block:
            rows.append(f"  {key('market queue')} --> {verb}")
        rows += [
            f"  journal -. {prefix} .-> {verb}" for prefix in re.findall(r'"prefix":"(\w+)/"\}\]\}(?:\}|,"sk")', block)
        ]
        if f"Target: {{Arn: !Ref {name}.Alias" in text:
            rows.append(f"  clock --> {verb}")
    for verb, rights in RIGHTS.items():
        if any("GivenUp" in one.on for one in rights):
            rows.append(f"  {verb} -. gave up .-> watch")
        written = {
            one.on
            for one in rights
            if {"PutItem", "SendMessage", "Publish", "PutObject", "PutRecords"} & set(one.actions)
        }
        for target, label in TARGETS.items():
            if target not in {"DeadLetters", "MarketStream", "GivenUp"} and any(
                re.search(rf"\b{target}\b", one) for one in written
            ):
                rows.append(f"  {verb} --> {key(label)}")
        called = [
            name.lower() for one in rights if one.service == "lambda" for name in re.findall(r"!Ref (\w+)\.", one.on)
        ]
        rows += [f"  {verb} --> {name}" for name in called]
        if any("alpaca" in one.on for one in rights):
            rows.append(f"  {verb} <--> venue")
    return rows


def key(label):
    return re.sub(r"\W", "_", label)


def diagram():
    text = template_text()
    shapes = [
        '  journal[("journal: one table")]',
        '  archive_bucket[("archive: S3, written once")]',
        '  market_queue[/"market queue, a group a book"/]',
        '  alerts{{"alerts: SNS"}}',
        '  clock(("clock: the sessions"))',
        '  venue["venue"]:::outside',
    ]
    shapes += [f'  {verb}["{verb}"]:::verb' for _, verb, _ in functions(text)]
    style = ["  classDef verb stroke-width:2px", "  classDef outside stroke-dasharray: 4"]
    return "\n".join(["```mermaid", "flowchart LR", *shapes, *arrows(text), *style, "```", ""])


def rights():
    rows = ["| function | service | may | on | why |", "|---|---|---|---|---|"]
    for verb, held in RIGHTS.items():
        for one in held:
            place = ", ".join(f"`{name}`" for name in one.keys) or f"`{named(one.on)}`"
            when = f" (where {one.when.removeprefix('Use')} is on)" if one.when else ""
            rows.append(f"| {verb} | {one.service} | {', '.join(one.actions)} | {place} | {one.why}{when} |")
    return "\n".join([*rows, ""])


def named(place):
    """What a right is on, in a few words."""
    known = [label for name, label in TARGETS.items() if re.search(rf"\b{name}\b", place)]
    if known:
        return known[0]
    if "-drop-" in place:
        return "file drop"
    if "PushQueue" in place:
        return "push queue"
    keys = re.findall(r"/([a-z][a-z-]+?)(?:-\?{6})?\"", place)
    return " ".join(keys) or " ".join(re.findall(r"!Ref (\w+)\.Alias", place)).lower()


def bills():
    parameters = template_parameters()
    rows = ["| a month of | with the free tier | without | the largest |", "|---|--:|--:|---|"]
    for load in cost.WORKLOADS:
        paid, whole = cost.working(parameters, load), cost.working(parameters, load, free=False)
        largest = ", ".join(f"{one.item} {one.usd:.2f}" for one in cost.largest(whole))
        rows.append(f"| {load.name} | {cost.total(paid):,.2f} | {cost.total(whole):,.2f} | {largest} |")
    return "\n".join([*rows, ""])


def at_rest():
    parameters = template_parameters()
    rows = ["| parameter | dollars a month at rest |", "|---|--:|"]
    for name, value in SWITCHED.items():
        amount = cost.total(cost.resting(parameters | {name: value}))
        rows.append(f"| `{name}={value}` | {amount:.2f} |")
    return "\n".join([*rows, ""])


def page(text):
    for name, part in (("diagram", diagram()), ("rights", rights()), ("cost", bills()), ("rest", at_rest())):
        text = between(text, part, f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n")
    return text


def cloud_page():
    """The page as it should be."""
    return page(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(cloud_page(), encoding="utf-8")
