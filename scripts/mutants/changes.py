# SPDX-License-Identifier: GPL-3.0-or-later
"""Small changes of a Python source, each a fault that a person might make."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Change", "apply_change", "changes"]


class Change(NamedTuple):
    """Other text in one place of a source: bytes `start` to `end`, which begin in `line`."""

    line: int
    start: int
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{_one_line(self.old)} -> {_one_line(self.new) or '(nothing)'}"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 70 else f"{text[:40]} ... {text[-25:]}"


def apply_change(source: bytes, change: Change) -> bytes:
    """The source with a change made."""
    return source[: change.start] + change.new.encode() + source[change.end :]


COMPARISONS = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "%"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
"""Each operator as it is written, and others for it."""

DROPPED = {"Add", "Sub", "Mult", "Div", "Mod", "Pow"}
"""Operators whose second operand is also dropped."""

ONE_TO_ONE = {
    *("abs", "absolute", "angle", "arctan", "ceil", "clip", "conj", "conjugate", "copy", "cos"),
    *("cumsum", "diff", "exp", "fftshift", "flip", "float", "floor", "ifftshift", "imag", "int"),
    *("list", "log", "log10", "max", "maximum", "min", "minimum", "mod", "nan_to_num", "real"),
    *(
        "reversed",
        "rint",
        "roll",
        "round",
        "set",
        "sin",
        "sort",
        "sorted",
        "sqrt",
        "sum",
        "swapaxes",
    ),
    *("tanh", "transpose", "tuple", "unique", "unwrap"),
}
"""Functions and methods that are dropped: what they take stands in their place."""

TOLERANCE, GUARD = 1e-5, 1e-100
"""Floats become twice as large; below the one a thousand times, and below the other, which only
keep zeros out of denominators, they stay."""

SPEECH = ("Error", "Warning", "Failure", "Exit", "warn", "option", "argument", "command", "echo")
"""Calls whose arguments are messages, and no others are changed in them."""

COSMETIC = {"strict", "encoding", "stacklevel", "help", "metavar", "repr", "slots", "frozen"}
"""Keyword arguments that change no result."""


def changes(source: bytes) -> list[Change]:
    """Every change of a source, in the order of its text.

    Untouched are docstrings and all other strings, annotations, `__all__`, imports, decorators, and
    the arguments of exceptions and warnings.
    """
    return sorted(_Finder(source).found)


class _Finder(ast.NodeVisitor):
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.found: set[Change] = set()
        self.visit(ast.parse(source))

    def span(self, node: ast.AST) -> tuple[int, int]:
        start = self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return start, end

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.source[start:end].decode()

    def replace(self, start: int, end: int, new: str) -> None:
        line = self.source.count(b"\n", 0, start) + 1
        old = self.source[start:end].decode()
        if old.strip() != new:
            self.found.add(Change(line, start, end, old, new))

    def change(self, node: ast.AST, new: str) -> None:
        self.replace(*self.span(node), new)

    def between(self, left: ast.AST, right: ast.AST, old: str, new: str) -> None:
        """Another operator between two operands, where parentheses and comments may be, too."""
        start, end = self.span(left)[1], self.span(right)[0]
        for line in self.source[start:end].splitlines(keepends=True):
            place = line.partition(b"#")[0].find(old.encode())
            if place >= 0:
                self.replace(start + place, start + place + len(old.encode()), new)
                return
            start += len(line)

    # What is left alone

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_Raise(self, node: ast.Raise) -> None:
        self.change(node, "pass")

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    # Statements

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets):
            return
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self.change(node, "pass")
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self.visit(target.slice)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in OPERATORS:
            old, new = OPERATORS[type(node.op)]
            self.between(node.target, node.value, f"{old}=", f"{new}=")
        self.change(node, "pass")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call):
            self.change(node, "pass")
        self.visit(node.value)

    def visit_Break(self, node: ast.Break) -> None:
        self.change(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self.change(node, "break")

    def negate(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare) and "TYPE_CHECKING" not in self.text(test):
            self.change(test, f"(not ({self.text(test)}))")

    def visit_If(self, node: ast.If) -> None:
        self.negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self.change(test, "True")
        self.generic_visit(node)

    # Expressions

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            old, others = COMPARISONS[type(operator)]
            for new in others:
                self.between(left, right, old, new)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, old, new)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        texts = (self.text(node.left), self.text(node.right))
        if isinstance(node.op, ast.BitOr) and _names_types(node):
            return
        if _is_text(node.left) or _is_text(node.right):
            return
        if type(node.op) in OPERATORS:
            self.between(node.left, node.right, *OPERATORS[type(node.op)])
        if type(node.op).__name__ in DROPPED:
            self.change(node, f"({texts[0]})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if not isinstance(node.op, ast.UAdd):
            self.change(node, f"({self.text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.change(node, str(not value))
        elif isinstance(value, int):
            self.change(node, str(value + 1))
        elif isinstance(value, float) and (value == 0 or abs(value) > GUARD):
            factor = 2 if abs(value) > TOLERANCE else 1000
            self.change(node, repr(float(f"{factor * value or 1.0:.12g}")))

    def visit_Slice(self, node: ast.Slice) -> None:
        for part in (node.lower, node.upper):
            if part is not None:
                self.change(part, "")
        if node.step is not None:
            self.change(node.step, "-(" + self.text(node.step) + ")")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else self.text(node.func)
        if name.endswith(SPEECH) or name in ("isinstance", "issubclass", "cast", "getattr"):
            return
        if name in ONE_TO_ONE:
            module = isinstance(node.func, ast.Attribute) and self.text(node.func.value) in (
                *("np", "numpy", "math", "np.linalg", "np.fft", "fft"),
            )
            method = isinstance(node.func, ast.Attribute) and not module
            taken = node.func.value if method else next(iter(node.args), None)  # type: ignore[attr-defined]
            if taken is not None and not isinstance(taken, ast.Starred | ast.GeneratorExp):
                self.change(node, f"({self.text(taken)})")
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg not in COSMETIC:
                self.drop_argument(keyword)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in COSMETIC:
                self.visit(keyword.value)
        self.visit(node.func)

    def drop_argument(self, keyword: ast.keyword) -> None:
        start, end = self.span(keyword)
        after = self.source[end:]
        rest = after.lstrip()
        if rest.startswith(b","):
            end += len(after) - len(rest) + 1
        self.replace(start, end, "")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _names_types(node: ast.BinOp) -> bool:
    """Whether `|` joins types: None or names that begin with a capital, and built-in ones."""
    for part in _parts(node):
        if isinstance(part, ast.Constant) and part.value is None:
            return True
        if isinstance(part, ast.Name) and part.id in (
            "int",
            "float",
            "str",
            "bytes",
            "list",
            "dict",
        ):
            return True
    return False


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node
