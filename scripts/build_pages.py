"""Writes the generated pages of the documentation; `--check` only says whether they are current.

What comes in: the typer application, every `Error(code, what, ...)` in the sources, the table of an order's
life, the shipped strategies.
What goes out: docs/commands.md, docs/errors.md, docs/lifecycle.md and its diagram, docs/strategies/; tables in
docs/cloud.md and docs/data-quality.md.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

import cloud_page
import lifecycle_page
import strategy_pages
from stratofold.cli.app import FREE_OPTIONS, app
from stratofold.cli.output import Exit
from stratofold.market.cleaning import RULES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "stratofold"
RULES_BEGIN, RULES_END = "<!-- rules: begin -->\n", "\n<!-- rules: end -->"
NOTE = "<!-- Written by scripts/build_pages.py; change the code, then run it. -->"
WHO = {
    "Setup": "you, before a run",
    "Retry": "nobody: run again",
    "Stop": "the operator",
    "OtherwiseError": "the operator",  # a Stop that knows its step
    "Bug": "us",
}
EXIT_WORDS = {
    Exit.DONE: "done",
    Exit.UNEXPECTED: "something nobody planned for, a mistake of ours",
    Exit.USAGE: "the command line, the configuration, the data or the strategy's set-up needs mending",
    Exit.CHECK_FAILED: "`check` found something, or `doctor` did",
    Exit.STRATEGY_RAISED: "the strategy raised an exception",
    Exit.RETRY: "nothing is wrong but the moment: run again",
    Exit.STOP: "an operator must look before the next run",
    Exit.INTERRUPTED: "interrupted from the keyboard",
    Exit.READER_GONE: "whoever read the answer stopped reading, as `head` does",
}


def commands_page() -> str:
    """Every command with its arguments and options."""
    group = typer.main.get_command(app)
    lines = ["# Commands", "", NOTE, "", "Every command takes `--help`.", ""]
    for name, command in leaves(group):
        summary = (command.help or "").strip()
        lines += [f"## stratofold {name}", "", summary, "", "| | |", "|---|---|"]
        lines += [row(parameter) for parameter in command.params if parameter.name != "context"]
        if command.context_settings == FREE_OPTIONS:
            lines.append("| `--NAME VALUE` | a parameter of the strategy |")
        lines.append("")
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {int(code)} | {EXIT_WORDS[code]} |" for code in Exit]
    return "\n".join(lines) + "\n"


def leaves(group, before: str = "") -> Iterator[tuple]:
    """Every command that does something, with its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def row(parameter) -> str:
    """One parameter of a command."""
    option = parameter.param_type_name == "option"
    shown = ", ".join(f"`{word}`" for word in parameter.opts) if option else f"`{parameter.name.upper()}`"
    return f"| {shown} | {cell([getattr(parameter, 'help', '') or ''])} |"


def raised() -> Iterator[tuple[str, str, str, str]]:
    """Code, class, what and fix of every error in the sources."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")))
    for text in (text for text in texts if '"SF' in text):
        tree = ast.parse(text)
        for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            for node in ast.walk(scope):
                code = code_of(node)
                if code:
                    known = assigned(scope, node.lineno)
                    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
                    what = node.args[1] if len(node.args) > 1 else keywords.get("what")
                    yield code, name_of(node.func), words(what, known), words(keywords.get("fix"), known)


def assigned(scope: ast.FunctionDef, line: int) -> dict[str, ast.expr]:
    """What the function's names were last given above `line`."""
    given = [node for node in ast.walk(scope) if isinstance(node, ast.Assign) and node.lineno <= line]
    given.sort(key=lambda node: node.lineno)
    return {node.targets[0].id: node.value for node in given if isinstance(node.targets[0], ast.Name)}


def code_of(node: ast.AST) -> str:
    """The code of a call that makes an error, or nothing."""
    if not isinstance(node, ast.Call):
        return ""
    for argument in node.args[:1]:
        if isinstance(argument, ast.Constant) and re.fullmatch(r"SF[\dA-Z]\d\d", str(argument.value)):
            return str(argument.value)
    return ""


def name_of(function: ast.expr) -> str:
    """The last word of a call's name."""
    return ast.unparse(function).rpartition(".")[2]


def words(node: ast.expr | None, known: Mapping[str, ast.expr]) -> str:
    """The text of a string as written; what is only known at run time stands as an ellipsis."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(words(part, {}) for part in node.values)
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (words(node.body, known), words(node.orelse, known))))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return words(node.left, known) + words(node.right, known)
    if isinstance(node, ast.Name) and node.id in known:
        return words(known[node.id], {})
    return "" if node is None else "…"


def errors_page() -> str:
    """Every error code, who mends it, what it says and the fix."""
    seen: dict[str, tuple[str, list[str], list[str]]] = {}
    for code, kind, what, fix in raised():
        _, whats, fixes = seen.setdefault(code, (kind, [], []))
        whats += [what] if what not in {"", "…", *whats} else []
        fixes += [fix] if fix not in {"", "…", *fixes} else []
    lines = [
        "# Errors",
        "",
        NOTE,
        "",
        "Each error a person can cause has a code that does not change, says what is wrong, where, why it matters, and the one thing that mends it.",
        "",
        "| code | who mends it | what it says | fix |",
        "|---|---|---|---|",
    ]
    for code, (kind, whats, fixes) in sorted(seen.items()):
        lines.append(f"| {code} | {WHO.get(kind, WHO['Setup'])} | {cell(whats)} | {cell(fixes)} |")
    return "\n".join(lines) + "\n"


def cell(texts: list[str]) -> str:
    """Texts as one cell of a table."""
    return "<br>".join(text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for text in texts)


def quality_page() -> str:
    """The page on the quality of data, its table of rules written anew."""
    page = (ROOT / "docs" / "data-quality.md").read_text(encoding="utf-8")
    rows = [f"| {rule.name} | {', '.join(rule.kinds)} | {rule.level} | {rule.action} | {rule.says} |" for rule in RULES]
    head = "| rule | of | level | cleaning | what it means |\n|---|---|---|---|---|\n"
    before, _, rest = page.partition(RULES_BEGIN)
    return before + RULES_BEGIN + head + "\n".join(rows) + RULES_END + rest.partition(RULES_END)[2]


def main() -> int:
    """Write the pages, or say which are not current."""
    pages = {
        "commands.md": commands_page(),
        "errors.md": errors_page(),
        "cloud.md": cloud_page.cloud_page(),
        "data-quality.md": quality_page(),
        "lifecycle.md": lifecycle_page.page(NOTE),
        "lifecycle.svg": lifecycle_page.diagram(),
        **strategy_pages.pages(NOTE),
    }
    stale = [name for name, text in pages.items() if not same(ROOT / "docs" / name, text)]
    if "--check" in sys.argv:
        print("\n".join(f"docs/{name} is not current: run scripts/build_pages.py" for name in stale))
        return len(stale)
    (ROOT / "docs" / "strategies").mkdir(exist_ok=True)
    for name in stale:
        (ROOT / "docs" / name).write_text(pages[name], encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def same(path: Path, text: str) -> bool:
    """Whether the file says `text` already."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
