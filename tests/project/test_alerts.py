"""Every alert that can be raised is on its page, and every alert on the page can be raised."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIVE = ROOT / "src" / "stratofold" / "live"


def raised():
    """The keys in calls of `Condition` and `Alert`, up to the first part that is not text."""
    for path in sorted(LIVE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Condition":
                key = node.args[0]
                if isinstance(key, ast.JoinedStr):
                    key = key.values[0]
                yield key.value.partition(":")[0]


def documented():
    """The keys in the table of the page, up to their first colon."""
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    return {row.partition(":")[0] for row in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}


def test_every_alert_is_named_on_its_page_and_the_reverse():
    # A storm of alerts is no condition: it is what many of them become.
    assert documented() == set(raised()) | {"storm"}
