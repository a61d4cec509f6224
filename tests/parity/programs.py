"""Random programs inside the subset: methods of numbers, loops and branches, for comparing interpreter and machine."""

import random

_FLOATS = ("0.5", "-1.5", "3.0", "1e-3", "0.0", "1e9")
_INTS = ("0", "1", "2", "-3", "7", "10", "64")
_INDENT = "    "


class Program:
    """The source of one class with a method `go(a, b, n, m)`, made from a seed."""

    def __init__(self, seed: int) -> None:
        """The same seed, the same program."""
        self._dice = random.Random(seed)
        self._floats = ["a", "b", "self.x", "self.window[1]"]
        self._ints = ["n", "m", "self.k", "len(self.window)"]
        self._depth = 0
        self._names = 0
        lines = self._block(2, 6)
        body = "\n".join(_INDENT * 2 + line for line in lines)
        result = f"{_INDENT * 2}return {self._float(2)}"
        self.source = (
            "import math\nfrom array import array\n\n\nclass Made:\n"
            f"{_INDENT}def __init__(self):\n{_INDENT * 2}self.x = 1.25\n{_INDENT * 2}self.k = 3\n"
            f"{_INDENT * 2}self.flag = False\n{_INDENT * 2}self.window = array('d', [0.5, -2.0, 4.0])\n"
            f"{_INDENT * 2}self.counts = array('q', [3, 1, 2])\n\n"
            f"{_INDENT}def go(self, a, b, n, m):\n{body}\n{result}\n"
        )

    def _pick(self, *choices: str) -> str:
        return self._dice.choice(choices)

    def _float(self, depth: int) -> str:
        """An expression whose value is a float."""
        if depth == 0:
            return self._pick(*self._floats, *_FLOATS)
        one, other, whole = self._float(depth - 1), self._float(depth - 1), self._int(depth - 1)
        return self._pick(
            f"({one} + {other})", f"({one} * {other})", f"({one} - {whole})", f"({one} / {other})", f"({one} % {other})",
            f"({one} // {other})", f"({whole} / {self._int(depth - 1)})", f"max({one}, {other})", f"min({one}, {other})",
            f"abs({one})", f"-{one}", f"({one} if {self._test(depth - 1)} else {other})", f"float({whole})",
            f"math.copysign({one}, 2.0 * {whole})", f"math.sqrt(abs({one}))", f"self.window[{whole} % 3]", f"({one} or {other})",
            f"math.tanh({one})", f"round({one}, 2)",
        )  # fmt: skip

    def _int(self, depth: int) -> str:
        """An expression whose value is an int."""
        if depth == 0:
            return self._pick(*self._ints, *_INTS)
        one, other = self._int(depth - 1), self._int(depth - 1)
        return self._pick(
            f"({one} + {other})", f"({one} * {other})", f"({one} - {other})", f"({one} // {other})", f"({one} % {other})",
            f"({one} & {other})", f"({one} | {other})", f"({one} >> 2)", f"max({one}, {other})", f"abs({one})",
            f"int({self._float(depth - 1)})", f"round({self._float(depth - 1)})", f"self.counts[{one} % 3]", f"-{one}",
            f"({one} if {self._test(depth - 1)} else {other})", f"math.floor({self._float(depth - 1)})",
            f"({self._test(depth - 1)}) + {one}",
        )  # fmt: skip

    def _test(self, depth: int) -> str:
        """An expression that is true or false."""
        depth = max(depth - 1, 0)
        sign = self._pick("<", "<=", "==", "!=", ">", ">=")
        one, other, whole = self._float(depth), self._float(depth), self._int(depth)
        return self._pick(
            f"{one} {sign} {other}", f"{whole} {sign} {self._int(depth)}", f"{whole} {sign} {other}",
            f"{one} {sign} {other} < {whole}", f"not {one} {sign} {other}", f"({one} > 0.5 and {whole} {sign} 2)",
            f"({one} > 0.5 or {whole} {sign} 2)", "self.flag", f"{whole} in (1, 2, 5)",
        )  # fmt: skip

    def _block(self, least: int, most: int) -> list[str]:
        """Some statements."""
        lines: list[str] = []
        for _ in range(self._dice.randint(least, most)):
            lines += self._statement()
        return lines

    def _statement(self) -> list[str]:
        """One statement, with what is inside it."""
        kind = self._dice.randrange(10)
        if kind < 3 or self._depth > 2:
            return [self._assignment()]
        if kind < 5:
            return [self._pick(f"self.x {self._pick('+=', '-=', '*=')} {self._float(1)}", f"self.k = {self._int(1)}",
                               f"self.window[{self._int(0)} % 3] = {self._float(1)}", f"self.flag = {self._test(1)}",
                               f"self.counts[1] += {self._int(0)}")]  # fmt: skip
        self._depth += 1
        kept = list(self._floats), list(self._ints)
        inside = [_INDENT + line for line in self._block(1, 3)]
        self._floats, self._ints = list(kept[0]), list(kept[1])
        if kind < 8:
            other = [_INDENT + line for line in self._block(1, 2)]
            self._floats, self._ints = kept
            self._depth -= 1
            return [f"if {self._test(1)}:", *inside, "else:", *other]
        self._depth -= 1
        name = self._fresh("k")
        stop = self._pick("break", "continue", "pass")
        self._floats, self._ints = kept
        loop = self._pick(f"for {name} in range({self._int(0)} % 7):", f"for {name} in self.window:",
                          f"for {name} in range(5, 0, -2):")  # fmt: skip
        return [loop, *inside, f"{_INDENT}if {self._test(0)}:", f"{_INDENT * 2}{stop}", f"{_INDENT}self.x += {name}"]

    def _assignment(self) -> str:
        """A new name, or a new value for one."""
        if self._dice.random() < 0.5:
            name = self._fresh("x")
            line = f"{name} = {self._float(2)}"
            self._floats.append(name)
        else:
            name = self._fresh("i")
            line = f"{name} = {self._int(2)}"
            self._ints.append(name)
        return line

    def _fresh(self, letter: str) -> str:
        """A name not used before, or one that was."""
        if self._names and self._dice.random() < 0.25:
            return f"{letter}{self._dice.randrange(self._names)}"
        self._names += 1
        return f"{letter}{self._names - 1}"
