"""Reading and writing what the layout holds: fields, elements, lengths.

Every access carries what LLVM must know to keep state in registers: a field can only be reached as that field of that
class (type-based alias metadata), and addresses, lengths and frozen elements never change while machine code runs.
Bounds are checked as Python checks them, negative indices included.
"""

import ast

from stratofold.kernel.body import INDEX, Body
from stratofold.kernel.kinds import (
    ADDRESS,
    BOOL,
    FLOAT,
    INT,
    KNOWN,
    NUMBERS,
    AnyKind,
    ArrayKind,
    ListKind,
    ObjectKind,
    Value,
    number_value,
)
from stratofold.kernel.layout import Field, Layout

_NUMBER_KINDS = {"int": INT, "float": FLOAT, "bool": BOOL}


def field_kind(body: Body, row: Field) -> AnyKind:
    """The kind of value a field gives."""
    if row.kind in _NUMBER_KINDS:
        return _NUMBER_KINDS[row.kind]
    if row.kind in ("array", "frozen array"):
        is_frozen = row.kind == "frozen array" or body.unit.is_constant(row.group)
        return ArrayKind(row.code, is_frozen, row.group, is_one=row.fixed == 1)
    if row.kind in ("list", "empty"):
        return ListKind(row.layout, is_one=row.fixed == 1)
    if row.layout is None:
        raise AssertionError(row.kind)
    return ObjectKind(row.layout)


def load_field(body: Body, owner: Value, row: Field, node: ast.AST) -> Value:
    """The value of a field; raises Refused where the layout left it to Python."""
    layout = owner.kind.layout
    if row.kind == "shut":
        raise body.refuse(node, f"{layout.cls.__name__}.{row.name} is {row.reason}", row.fix)
    if row.fixed is not None and row.kind in _NUMBER_KINDS:
        return number_value(row.fixed)
    at = _field_address(body, owner, row)
    if row.kind == "object":
        return Value(field_kind(body, row), at)
    if row.kind == "reference":
        return Value(field_kind(body, row), body.value(f"load ptr, ptr {at}, align 8, {body.unit.held}"))
    if row.kind in _NUMBER_KINDS:
        return _load_number(body, _NUMBER_KINDS[row.kind], at, body.unit.facts(layout, row.name))
    if row.is_within:
        inside = body.value(f"getelementptr inbounds i8, ptr {at}, i64 16")
        return Value(field_kind(body, row), "", None, [Value(ADDRESS, inside), number_value(int(row.fixed or 1))])
    start, size = _load_pair(body, at)
    return Value(field_kind(body, row), "", None, [start, size if row.fixed is None else number_value(row.fixed)])


def _load_pair(body: Body, at: str) -> list[Value]:
    """Address and length, neither of which machine code ever changes."""
    start = body.value(f"load ptr, ptr {at}, align 8, {body.unit.held}")
    second = body.value(f"getelementptr inbounds i8, ptr {at}, i64 8")
    size = body.value(f"load i64, ptr {second}, align 8, {body.unit.held}, !range !2")
    return [Value(ADDRESS, start), Value(INT, size)]


def _load_number(body: Body, kind: AnyKind, at: str, facts: str) -> Value:
    """One number; `facts` is what LLVM may rely on."""
    if kind is BOOL:
        byte = body.value(f"load i8, ptr {at}, align 1, {facts}, !range !3")
        return Value(BOOL, body.value(f"trunc i8 {byte} to i1"))
    return Value(kind, body.value(f"load {kind.llvm}, ptr {at}, align 8, {facts}"))


def _field_address(body: Body, owner: Value, row: Field) -> str:
    """Where a field lies."""
    if row.offset == 0:
        return owner.text
    return body.value(f"getelementptr inbounds i8, ptr {owner.text}, i64 {row.offset}")


def store_attribute(body: Body, owner: Value, name: str, value: Value, node: ast.AST) -> None:
    """`owner.name = value`; an int field given a float asks for a wider layout."""
    if not isinstance(owner.kind, ObjectKind):
        raise body.refuse(node, f"an attribute of {owner.kind.name} cannot be set")
    layout: Layout = owner.kind.layout
    row = layout.fields.get(name)
    what = f"{layout.cls.__name__}.{name}"
    if row is None:
        raise body.refuse(node, f"{what} is not there when setup is done", f"set self.{name} in setup")
    if row.fixed is not None:
        raise body.refuse(node, f"{what} is the same in every run", "leave it alone")
    if row.kind not in _NUMBER_KINDS:
        raise body.refuse(node, *_why_not_kept(what, row, value))
    kind = _NUMBER_KINDS[row.kind]
    if value.kind not in NUMBERS:
        raise body.refuse(node, *_why_not_number(what, kind, value))
    if kind is INT and value.kind is FLOAT:
        body.unit.widen(layout, name)
        return
    if kind is not value.kind and not (kind is FLOAT and value.kind is INT):
        raise body.refuse(node, f"{what} is {kind.name} and is given {value.kind.name}", f"write {kind.name}(...)")
    body.unit.note_store(f"{layout.number}.{name}")
    _store_number(body, body.convert(value, kind), _field_address(body, owner, row), body.unit.alias(layout, name))


def _store_number(body: Body, value: Value, at: str, alias: str) -> None:
    """One number."""
    if value.kind is BOOL:
        byte = body.value(f"zext i1 {value.text} to i8")
        body.emit(f"store i8 {byte}, ptr {at}, align 1, !tbaa {alias}")
    else:
        body.emit(f"store {value.kind.llvm} {value.text}, ptr {at}, align 8, !tbaa {alias}")


def _why_not_kept(what: str, row: Field, value: Value) -> tuple[str, str]:
    """Why a field that holds no number cannot be set, and what to do instead."""
    if row.kind == "shut":
        return f"{what} is {row.reason}", row.fix
    if isinstance(value.kind, ArrayKind):
        return f"{what} would hold another array", "copy the numbers one by one"
    return f"{what} would hold another object", "copy the numbers you need"


def _why_not_number(what: str, kind: AnyKind, value: Value) -> tuple[str, str]:
    """Why what is no number cannot be kept in a number's field."""
    if isinstance(value.kind, ObjectKind):
        name = value.kind.name
        return (
            f"{what} would keep a {name}, which is a record that is filled again for the next event",
            "copy the numbers you need, such as bar.close",
        )
    if value.kind is KNOWN and isinstance(value.constant, str):
        return f"{what} would hold text", "use a number"
    return f"{what} is {kind.name} and would hold {value.kind.name}", "keep numbers"


def length(body: Body, value: Value) -> str:
    """The length of an array or a list."""
    return value.parts[1].text if value.parts else body.value(f"extractvalue {{ptr, i64}} {value.text}, 1")


def beginning(body: Body, value: Value) -> str:
    """Where the elements of an array or a list begin."""
    return value.parts[0].text if value.parts else body.value(f"extractvalue {{ptr, i64}} {value.text}, 0")


def element_at(body: Body, owner: Value, index: str) -> Value:
    """An element at an index that is known to be inside."""
    start = beginning(body, owner)
    if owner.kind.is_one:
        index = "0"
    if isinstance(owner.kind, ListKind) and owner.kind.layout is not None:
        offset = body.value(f"mul nuw nsw i64 {index}, {owner.kind.layout.size}")
        return Value(ObjectKind(owner.kind.layout), body.value(f"getelementptr inbounds i8, ptr {start}, i64 {offset}"))
    at = body.value(f"getelementptr inbounds i64, ptr {start}, i64 {index}")
    kind = owner.kind.element
    if owner.kind.frozen:
        return _load_number(body, kind, at, f"!invariant.load !0, !tbaa {body.unit.element_alias(owner.kind)}")
    body.unit.note_load(owner.kind)
    return _load_number(body, kind, at, f"!tbaa {body.unit.element_alias(owner.kind)}")


def load_element(body: Body, owner: Value, index: Value, node: ast.AST) -> Value:
    """`owner[index]` of an array or a list."""
    if owner.kind == ListKind(None):
        raise body.fail(INDEX)
    return element_at(body, owner, _inside(body, owner, index, node))


def store_element(body: Body, owner: Value, index: Value, value: Value, node: ast.AST) -> None:
    """`owner[index] = value` of an array."""
    if not isinstance(owner.kind, ArrayKind):
        raise body.refuse(node, f"an element of {owner.kind.name} cannot be set", "set the numbers inside it")
    if owner.kind.frozen:
        raise body.refuse(node, "this array is read only: it belongs to the data", "copy what must change in setup")
    kind = owner.kind.element
    if value.kind not in NUMBERS or (kind is INT and value.kind is FLOAT):
        raise body.refuse(node, f"an element of {owner.kind.name} cannot be {value.kind.name}")
    if kind is FLOAT and value.kind is BOOL:
        value = body.convert(value, INT)
    body.unit.note_store(owner.kind.group or f"any {owner.kind.code}")
    place = _inside(body, owner, index, node)
    start = beginning(body, owner)
    at = body.value(f"getelementptr inbounds i64, ptr {start}, i64 {'0' if owner.kind.is_one else place}")
    _store_number(body, _as_element(body, value, kind), at, body.unit.element_alias(owner.kind))


def _as_element(body: Body, value: Value, kind: AnyKind) -> Value:
    """A number as an array keeps it: an int given to doubles is rounded, as `array` rounds it."""
    if kind is FLOAT and value.kind is INT:
        return Value(FLOAT, body.value(f"sitofp i64 {value.text} to double"))
    return body.convert(value, kind)


def _inside(body: Body, owner: Value, index: Value, node: ast.AST) -> str:
    """An index from 0 on, checked; raises Refused for what is no int."""
    if index.kind is BOOL:
        index = body.convert(index, INT)
    if index.kind is not INT:
        raise body.refuse(node, f"an index must be an int, not {index.kind.name}", "write int(...)")
    if body.inside and _is_said(body, node):
        return index.text
    size = length(body, owner)
    if body.counts_up or (index.constant is not None and index.constant >= 0):
        body.fail_when(body.value(f"icmp uge i64 {index.text}, {size}"), INDEX)
        return index.text
    return _checked_place(body, index.text, size)


def _is_said(body: Body, node: ast.AST) -> bool:
    """Whether `marks.inside` says that this element exists."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.slice, ast.Name)
        and (node.value.id, node.slice.id) in body.inside
    )


def _checked_place(body: Body, index: str, size: str) -> str:
    """An index as a place from 0 on: one comparison where it is inside already, a detour where it counts from the end."""
    here, detour, inside = body.label(), body.label(), body.label()
    body.emit(f"br label %{here}")
    body.start(here)
    outside = body.value(f"icmp uge i64 {index}, {size}")
    body.emit(f"br i1 {outside}, label %{detour}, label %{inside}, !prof !1")
    body.start(detour)
    from_end = body.value(f"add i64 {index}, {size}")
    is_negative = body.value(f"icmp slt i64 {index}, 0")
    is_inside = body.value(f"icmp ult i64 {from_end}, {size}")
    good = body.value(f"and i1 {is_negative}, {is_inside}")
    body.codes.add(INDEX)
    body.emit(f"br i1 {good}, label %{inside}, label %fail.{INDEX}")
    body.start(inside)
    return body.value(f"phi i64 [ {index}, %{here} ], [ {from_end}, %{detour} ]")
