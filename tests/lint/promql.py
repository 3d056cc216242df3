# SPDX-License-Identifier: Apache-2.0
"""A small parser of PromQL, as of Prometheus 2.42, for checks that read dashboards and rules.

parse(text) returns a tree of the classes below or raises PromqlError, which says where. promtool decides what is valid;
this tells which metrics an expression selects, with which matchers, and what labels its result may have. With
`variables=True` Grafana's `$name`, `${name}` and `[[name]]` may stand where a number or a duration may; in strings they
are text like any other.
"""

import dataclasses
import re

AGGREGATIONS = {
    "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile",
}  # fmt: skip
WITH_PARAMETER = {"topk", "bottomk", "count_values", "quantile"}
LEVELS = [("or",), ("and", "unless"), ("==", "!=", "<=", "<", ">=", ">"), ("+", "-"), ("*", "/", "%", "atan2")]
SET_OPERATORS = ("and", "or", "unless")
COMPARISONS = LEVELS[2]

VARIABLE = re.compile(r"\$\{[^}]+\}|\$[A-Za-z_]\w*|\[\[[A-Za-z_]\w*(?::\w+)?\]\]")
DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_])")
NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|nan)(?![A-Za-z0-9_:{(]))"
)
NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
OPERATOR = re.compile(r"=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],@:]")
BLANK = re.compile(r"(?:\s+|#[^\n]*)+")
STRING = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`([^`]*)`", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)


class PromqlError(ValueError):
    """What is wrong with an expression, and where."""


@dataclasses.dataclass
class Token:
    kind: str  # name, number, duration, string, variable, operator, end
    text: str
    at: int


@dataclasses.dataclass
class Number:
    text: str


@dataclasses.dataclass
class String:
    text: str


@dataclasses.dataclass
class Matcher:
    label: str
    operator: str  # = != =~ !~
    value: str


@dataclasses.dataclass
class Selector:
    name: str  # None without one
    matchers: list
    range: str = None  # the text between the brackets

    def equals(self, label):
        """The value that a matcher `label="value"` demands, None without one."""
        return next((m.value for m in self.matchers if m.label == label and m.operator == "="), None)


@dataclasses.dataclass
class Subquery:
    inner: object
    range: str
    step: str  # "" for the default


@dataclasses.dataclass
class Call:
    function: str
    arguments: list


@dataclasses.dataclass
class Aggregation:
    operator: str
    grouping: str  # by, without or None
    labels: list
    parameter: object  # of topk and its like, else None
    inner: object


@dataclasses.dataclass
class Binary:
    operator: str
    left: object
    right: object
    matching: str = None  # on, ignoring or None
    labels: list = dataclasses.field(default_factory=list)
    grouping: str = None  # group_left, group_right or None
    include: list = dataclasses.field(default_factory=list)


def tokenize(text, variables=False):
    tokens, at, brackets = [], 0, 0
    while at < len(text):
        if blank := BLANK.match(text, at):
            at = blank.end()
            continue
        token = _next_token(text, at, variables, brackets)
        brackets += (token.text == "[") - (token.text == "]") if token.kind == "operator" else 0
        tokens.append(token)
        at += len(token.text)
    for token in tokens:
        if token.kind == "string":
            token.text = _unquote(token.text)
    return tokens + [Token("end", "", len(text))]


def _next_token(text, at, variables, brackets):
    # A colon begins a name everywhere but in [5m:1m].
    kinds = [("duration", DURATION), ("number", NUMBER), ("string", STRING)]
    kinds += [] if brackets else [("name", NAME)]
    if variables:
        kinds.insert(0, ("variable", VARIABLE))
    for kind, pattern in kinds + [("operator", OPERATOR)]:
        if match := pattern.match(text, at):
            return Token(kind, match.group(), at)
    raise PromqlError(f"at {at}: unexpected {text[at : at + 10]!r}")


def _unquote(quoted):
    if quoted[0] == "`":
        return quoted[1:-1]

    def plain(match):
        *codes, other = match.groups()
        code = next(((int(c, 8 if i == 3 else 16)) for i, c in enumerate(codes) if c), None)
        return chr(code) if code is not None else ESCAPES.get(other, other)

    return ESCAPE.sub(plain, quoted[1:-1])


class Parser:
    def __init__(self, text, variables):
        self.tokens = tokenize(text, variables)
        self.at = 0

    @property
    def token(self):
        return self.tokens[self.at]

    def fail(self, expected):
        found = repr(self.token.text) if self.token.kind != "end" else "the end"
        raise PromqlError(f"at {self.token.at}: expected {expected}, found {found}")

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def is_operator(self, *texts, ahead=0):
        token = self.tokens[min(self.at + ahead, len(self.tokens) - 1)]
        return token.kind == "operator" and token.text in texts

    def is_word(self, *words):
        return self.token.kind == "name" and self.token.text.lower() in words

    def accept(self, text):
        if self.is_operator(text):
            return self.take()
        return None

    def expect(self, text):
        return self.accept(text) or self.fail(repr(text))

    # --- Expressions ---

    def parse(self):
        tree = self.parse_level(0)
        return tree if self.token.kind == "end" else self.fail("an operator or the end")

    def parse_level(self, level):
        if level == len(LEVELS):
            return self.parse_unary()
        left = self.parse_level(level + 1)
        while self.is_operator(*LEVELS[level]) or self.is_word(*LEVELS[level]):
            node = self.parse_modifiers(Binary(self.take().text.lower(), left, None))
            node.right = self.parse_level(level + 1)
            left = node
        return left

    def parse_unary(self):
        if self.is_operator("-", "+"):
            return Call("unary " + self.take().text, [self.parse_unary()])
        left = self.parse_postfix(self.parse_primary())
        if self.accept("^"):
            node = self.parse_modifiers(Binary("^", left, None))
            node.right = self.parse_unary()  # from right to left
            return node
        return left

    def parse_modifiers(self, node):
        if self.is_word("bool") and node.operator in COMPARISONS:
            self.take()
        if self.is_word("on", "ignoring") and self.is_operator("(", ahead=1):
            node.matching = self.take().text.lower()
            node.labels = self.parse_labels()
            if self.is_word("group_left", "group_right"):
                node.grouping = self.take().text.lower()
                node.include = self.parse_labels() if self.is_operator("(") else []
        return node

    def parse_labels(self):
        labels = []
        self.expect("(")
        while not self.accept(")"):
            labels.append(self.take().text if self.token.kind == "name" else self.fail("a label"))
            if not self.is_operator(")"):
                self.expect(",")
        return labels

    # --- What expressions are made of ---

    def parse_primary(self):
        if self.token.kind in ("number", "variable"):
            return Number(self.take().text)
        if self.token.kind == "string":
            return String(self.take().text)
        if self.accept("("):
            inner = self.parse_level(0)
            self.expect(")")
            return inner
        if self.is_operator("{"):
            return self.parse_selector(None)
        if self.token.kind != "name":
            self.fail("an expression")
        name = self.take().text
        if name.lower() in AGGREGATIONS and (self.is_operator("(") or self.is_word("by", "without")):
            return self.parse_aggregation(name.lower())
        return Call(name, self.parse_arguments()) if self.is_operator("(") else self.parse_selector(name)

    def parse_arguments(self):
        arguments = []
        self.expect("(")
        while not self.accept(")"):
            arguments.append(self.parse_level(0))
            if not self.is_operator(")"):
                self.expect(",")
        return arguments

    def parse_aggregation(self, operator):
        grouping = labels = None
        if self.is_word("by", "without"):
            grouping, labels = self.take().text.lower(), self.parse_labels()
        arguments = self.parse_arguments()
        if grouping is None and self.is_word("by", "without"):
            grouping, labels = self.take().text.lower(), self.parse_labels()
        if len(arguments) != 1 + (operator in WITH_PARAMETER):
            self.fail(f"another number of arguments of {operator}")
        parameter = arguments[0] if len(arguments) == 2 else None
        return Aggregation(operator, grouping, labels or [], parameter, arguments[-1])

    def parse_selector(self, name):
        matchers = []
        if self.accept("{"):
            while not self.accept("}"):
                matchers.append(self.parse_matcher())
                if not self.is_operator("}"):
                    self.expect(",")
        exact = next((m for m in matchers if m.label == "__name__" and m.operator == "="), None)
        if name is None and exact:
            matchers.remove(exact)
            name = exact.value
        return Selector(name, matchers)

    def parse_matcher(self):
        label = self.take().text if self.token.kind == "name" else self.fail("a label")
        operator = self.take().text if self.is_operator("=", "!=", "=~", "!~") else self.fail("= != =~ or !~")
        value = self.take().text if self.token.kind == "string" else self.fail("a string")
        return Matcher(label, operator, value)

    def parse_postfix(self, node):
        while True:
            if self.accept("["):
                node = self.parse_range(node)
            elif self.is_word("offset"):
                self.take()
                self.accept("-")
                self.parse_duration()
            elif self.accept("@"):
                self.parse_at()
            else:
                return node

    def parse_range(self, node):
        length = self.parse_duration()
        if not self.accept(":"):
            self.expect("]")
            if not isinstance(node, Selector) or node.range:
                self.fail("a range behind a selector only")
            node.range = length
            return node
        step = "" if self.is_operator("]") else self.parse_duration()
        self.expect("]")
        return Subquery(node, length, step)

    def parse_duration(self):
        return self.take().text if self.token.kind in ("duration", "variable") else self.fail("a duration")

    def parse_at(self):
        if self.is_word("start", "end"):
            self.take()
            self.expect("(")
            self.expect(")")
            return
        self.accept("-")
        if self.token.kind not in ("number", "variable"):
            self.fail("a time, start() or end()")
        self.take()


def parse(text, variables=False):
    return Parser(text, variables).parse()


def children(node):
    if isinstance(node, Subquery):
        return [node.inner]
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Aggregation):
        return [node.inner] if node.parameter is None else [node.parameter, node.inner]
    if isinstance(node, Binary):
        return [node.left, node.right]
    return []


def walk(node, parents=()):
    """Every node with those it is in, the outermost first."""
    yield node, parents
    for child in children(node):
        yield from walk(child, parents + (node,))


def selectors(node):
    return [found for found, _ in walk(node) if isinstance(found, Selector)]


def is_scalar(node):
    if isinstance(node, (Number, String)):
        return True
    if isinstance(node, Call):
        return node.function in ("scalar", "time", "pi") or (
            node.function.startswith("unary ") and is_scalar(node.arguments[0])
        )
    return isinstance(node, Binary) and is_scalar(node.left) and is_scalar(node.right)
