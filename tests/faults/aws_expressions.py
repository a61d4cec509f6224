"""DynamoDB's expressions: conditions, keys and updates, as its developer guide defines them.

What comes in: an expression, its names and values, an item in wire form (`{"attribute": {"S": "text"}}`).
What goes out: whether a condition holds, or the item as it is afterwards.  What the service refuses raises `Invalid`.
"""

import re
from decimal import Decimal
from functools import lru_cache

_TOKEN = re.compile(r"\s*(?:(?P<op><>|<=|>=|[=<>(),+\-])|(?P<word>[#:]?[A-Za-z_][A-Za-z0-9_.#\-]*|[#:][A-Za-z0-9_]+))")
_COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


class Invalid(Exception):
    """The service would refuse this with a ValidationException."""


@lru_cache(maxsize=4_096)
def tokens(text):
    """The words of an expression; raises Invalid for what is none."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Invalid(f"syntax error in {text!r} at {at}")
        found.append(match["op"] or match["word"])
        at = match.end()
    return tuple(found)


class Reader:
    """An expression being read against one item."""

    def __init__(self, text, names, values, item):
        self.words = tokens(text)
        self.at = 0
        self.names = names or {}
        self.values = values or {}
        self.item = item or {}
        self.used = set()

    def peek(self):
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, expected=""):
        word = self.peek()
        if not word or (expected and word.upper() != expected):
            raise Invalid(f"expected {expected or 'more'}, found {word or 'the end'}")
        self.at += 1
        return word

    def attribute(self):
        """The name of a top-level attribute."""
        word = self.take()
        if word.startswith("#"):
            if word not in self.names:
                raise Invalid(f"an expression attribute name is not defined: {word}")
            self.used.add(word)
            return self.names[word]
        return word

    def operand(self):
        """A value of the request, or of the item (None where it has none)."""
        word = self.peek()
        if word.startswith(":"):
            self.take()
            if word not in self.values:
                raise Invalid(f"an expression attribute value is not defined: {word}")
            self.used.add(word)
            return self.values[word]
        if word.lower() == "if_not_exists":
            self.take()
            self.take("(")
            name = self.attribute()
            self.take(",")
            other = self.operand()
            self.take(")")
            return self.item.get(name, other)
        if word.lower() == "size":
            self.take()
            self.take("(")
            value = self.item.get(self.attribute())
            self.take(")")
            return None if value is None else {"N": str(len(next(iter(value.values()))))}
        return self.item.get(self.attribute())

    # Conditions.

    def condition(self):
        """or := and (OR and)*; every part is read, so that what is wrong in any is found."""
        holds = self._and()
        while self.peek().upper() == "OR":
            self.take()
            holds = self._and() or holds
        return holds

    def _and(self):
        holds = self._not()
        while self.peek().upper() == "AND":
            self.take()
            holds = self._not() and holds
        return holds

    def _not(self):
        if self.peek().upper() == "NOT":
            self.take()
            return not self._not()
        if self.peek() == "(":
            self.take()
            holds = self.condition()
            self.take(")")
            return holds
        return self._comparison()

    def _comparison(self):
        name = self.peek().lower()
        if name in ("attribute_exists", "attribute_not_exists"):
            self.take()
            self.take("(")
            present = self.attribute() in self.item
            self.take(")")
            return present == (name == "attribute_exists")
        if name in ("begins_with", "contains"):
            self.take()
            self.take("(")
            value = self.operand()
            self.take(",")
            part = self.operand()
            self.take(")")
            return value is not None and _text_holds(name, value, part)
        left = self.operand()
        operator = self.take().upper()
        if operator == "BETWEEN":
            low = self.operand()
            self.take("AND")
            high = self.operand()
            if compare("<", high, low):
                raise Invalid("the BETWEEN operator requires the upper bound to be no less than the lower bound")
            return compare(">=", left, low) and compare("<=", left, high)
        if operator == "IN":
            return self._in(left)
        if operator not in _COMPARE:
            raise Invalid(f"no operator: {operator}")
        return compare(operator, left, self.operand())

    def _in(self, left):
        self.take("(")
        found = compare("=", left, self.operand())
        while self.peek() == ",":
            self.take()
            found = compare("=", left, self.operand()) or found
        self.take(")")
        return found

    # Updates.

    def update(self):
        """The item after every clause; every operand is read from the item as it was."""
        item = dict(self.item)
        if not self.words:
            raise Invalid("an update expression is empty")
        while self.peek():
            clause = self.take().upper()
            if clause not in _CLAUSES:
                raise Invalid(f"no clause of an update: {clause}")
            getattr(self, f"_{clause.lower()}")(item)
            while self.peek() == ",":
                self.take()
                getattr(self, f"_{clause.lower()}")(item)
        return item

    def _set(self, item):
        name = self.attribute()
        self.take("=")
        value = self.operand()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = _sum(value, self.operand(), sign)
        if value is None:
            raise Invalid("an operand of an update is not in the item")
        item[name] = value

    def _remove(self, item):
        item.pop(self.attribute(), None)

    def _add(self, item):
        name = self.attribute()
        value = self.operand()
        item[name] = _sum(item.get(name, {"N": "0"}), value, 1)

    def _delete(self, item):
        name = self.attribute()
        kind, gone = next(iter(self.operand().items()))
        left = [each for each in item.get(name, {kind: []})[kind] if each not in gone]
        item.pop(name, None)
        if left:
            item[name] = {kind: left}

    def finish(self):
        """Everything was read, and every name and value given was used, as the service demands."""
        if self.peek():
            raise Invalid(f"syntax error at {self.peek()}")


def _sum(left, right, sign):
    if left is None or "N" not in left or "N" not in right:
        raise Invalid("an operand of an update is not a number")
    return {"N": format(Decimal(left["N"]) + sign * Decimal(right["N"]), "f")}


def _text_holds(name, value, part):
    kind, text = next(iter(value.items()))
    (wanted,) = part.values()
    return kind in part and text.startswith(wanted) if name == "begins_with" else wanted in text


def native(value):
    """A wire value that compares as the service compares it."""
    kind, held = next(iter(value.items()))
    return (kind, Decimal(held)) if kind == "N" else (kind, held)


def compare(operator, left, right):
    """Whether a comparison holds; what is not there, or of another type, compares as nothing but unequal."""
    if left is None or right is None:
        return operator == "<>" and left is not right
    (left_kind, left_value), (right_kind, right_value) = native(left), native(right)
    if left_kind != right_kind:
        return operator == "<>"
    return _COMPARE[operator](left_value, right_value)


def holds(text, names, values, item, used=None):
    """Whether a condition is true of an item; raises Invalid."""
    reader = Reader(text, names, values, item)
    answer = reader.condition()
    reader.finish()
    if used is not None:
        used |= reader.used
    return answer


def updated(text, names, values, item, used=None):
    """An item after an update; raises Invalid."""
    reader = Reader(text, names, values, item)
    answer = reader.update()
    reader.finish()
    if used is not None:
        used |= reader.used
    return answer
