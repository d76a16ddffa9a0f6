"""What follows a telling name: where the value begins and ends, and whether it is a secret."""

import re
from functools import cache

from sidecar.redact.fields import Field
from sidecar.redact.lines import BREAK
from sidecar.redact.validators import digits, opaque, strongly_opaque
from sidecar.redact.values import REDACTED, is_fingerprint, is_reference, is_secret, is_uuid

Span = tuple[int, int]

QUOTE = (
    rb"\\{0,7}[\"'`]"  # up to three levels of JSON inside JSON
    rb"|\\{1,7}(?:u002[27]|x2[27])|&(?:quot|apos|\#3[49]|\#[xX]2[27]);|%2[27]"
)
"""A sign that a value or a name is quoted with, in whatever way it is written."""
BLANKS = rb"(?:[ \t]{0,4}" + BREAK + rb"[ \t]{0,16}|(?:\s|\\{1,7}[nrt]){0,12})"
_BEFORE_VALUE = re.compile(
    rb"""(?x)
    (?P<list> \[ """
    + BLANKS
    + rb""" (?=\\{0,7}["'`]) )?
    (?: (?:!!(?:str|binary)|!unsafe)[ ] )?  # YAML: a tag, an anchor
    (?: &(?!(?:mut|dyn|str|impl)[ ])[A-Za-z][\w-]{0,31}[ ] )?
    (?: (?: [bBrRuUfFLN@] | (?:[A-Z][A-Za-z0-9]{0,24}(?:::from)?|\[\]byte|str|bytes|b64decode)\((?:default=)? )
      (?=\\{0,7}["'`]) )?
    (?P<quote> (?P<one> \\{0,7}["'] )(?P=one){2} | """
    + QUOTE
    + rb""" | <!\[CDATA\[ | \xe2\x80[\x98-\x9f] )?  # and the quotation marks of printers
    (?: (?i: bearer|basic|token|api-?key|key|digest|bot|splunk|geniekey|oauth|ssws|sso-key )
        (?:[ \t]|%20|\+){1,3} (?![:=]) )?
    (?P<inner> (?!(?P=quote))\\{0,3}["'] )?
    """
)
_BARE = re.compile(
    rb"""(?x)
    (?: [^\s"'`\\<>&;,|\xc2\xe2(){}\[\]]
      | \xc2(?!\xa0) | \xe2(?!\x80)  # no no-break or zero-width space
      | [&;,|] (?! [\w.\-]{1,40}[=:] | \s | \\ | $ )    # not the start of the next setting
      | [()\[\]{}] (?= [^\s"'`\\<>&;,|(){}\[\]] )
      | \\ (?![nrtu"'\\])
    )+
    """
)

_XML_VALUE = re.compile(rb"[^<\n]{1,4096}")
_ESCAPED_XML_VALUE = re.compile(rb"(?:(?!&lt;|\\{1,7}u003[cC])[^<\n]){1,4096}")
_IN_QUERY = (b"?", b"&")  # before a name: the next `&` ends its value
_TRAILING = b".,;:)]}!?\\"
_LONGEST_VALUE = 4096
_SHORTEST_IN_GAP = 16
_SHORTEST_TOLD = 6
_FEWEST_DIGITS = 3

_ENGLISH = re.compile(rb"[a-z]+[.,;:!?]?|.*[/].*[.].*|v?[0-9]+(?:[.][0-9]+)+.*")  # words, paths, versions
_COMMAND = re.compile(rb"[a-z][a-z0-9_.-]{0,24}[ ][^`\n]{1,200}`")
_OPENING = (b"(", b"[")
_CALLED = re.compile(rb"[A-Za-z_$][A-Za-z0-9_$.]*")  # `prompt("x")`, `parts["x"]`: code that finds the value
_OF_CACHE = re.compile(rb"(?i)\bcache[ ](?:[a-z]{2,12}[ ]){1,4}\Z")
_CACHE_REACH = 64
_WORD_AND_NUMBER = re.compile(rb"(?=[^ ]{0,64}[0-9])(?=[^ ]{0,64}[A-Za-z])[^ ]{8,}")

_PLURAL = (b"s", b"S")
_SHORT_NAME = re.compile(rb"(?i)(?:\A|[^a-z])p(?:ass|w)\Z")
_TYPED = re.compile(  # by a person, alone up to the end of the line: `pass: Winter2024`
    rb"(?=[^\s]{0,64}[0-9])(?=[^\s]{0,64}[A-Z])(?=[^\s]{0,64}[a-z])"
    rb"[^\s\"'();,\[\]{}]{8,64}(?:[ \t]{0,8}(?:[\r\n]|\\n)|\Z)"
)
_TYPED_QUOTED = re.compile(
    rb"(?=[^\s]{0,64}[0-9])(?=[^\s]{0,64}[A-Z])(?=[^\s]{0,64}[a-z])[^\s\"'();,\[\]{}\\]{8,64}\\{0,7}[\"'`]"
)
_FOLDER = b"PWD"  # of every shell: where it stands, when it begins with a slash
_BOTH_CASES = re.compile(rb"(?=[^\s]{0,64}[A-Z])(?=[^\s]{0,64}[a-z])[^\s/()]{8,128}")  # no hash or name of a pod
_KEY_SIGN = re.compile(rb"\\{0,7}[\"'`]\s{0,4}(?:=>|:)")  # what is quoted in the list is no item but a name
_MORE_ITEMS = re.compile(rb"(?:" + BREAK + rb"[ \t]{0,12}-[ ][^\s:#]{1,256}?(?=\s|\\{1,7}[nr\"]|\Z)){1,64}+")
_BEHIND_TEXT = (b" ", b",", b")", b";")
_LONGEST_PROMPT = 48
_BODIES: dict[bytes, re.Pattern[bytes]] = {}
_CLOSING = {b"<": re.escape(b"]]>"), b"\xe2": rb"\xe2\x80[\x98-\x9f]"}
"""What ends a value that does not end with what it begins with."""


def secret(data: bytes, link: re.Match[bytes], name: bytes, kind: Field, *, sets: bool) -> Span | None:
    """The span of the secret that follows a name of that kind, None where what follows is none.

    Args:
        data: the text.
        link: what stands between the name and its value.
        name: the name, which ends where the link starts.
        kind: what the name claims.
        sets: a command that sets variables stands before the name.
    """
    opened = _BEFORE_VALUE.match(data, link.end())
    if opened is None:
        return None
    begin = opened.end()
    if REDACTED.match(data, begin) or _quotes_no_value(data, opened, link, name):
        return None
    quote = opened["inner"] or opened["quote"]
    at = link.start() - len(name)
    finish = _end_of(data, begin, quote, link["xml"])
    listed = opened["list"] is not None or link["item"] is not None
    if data[at - 1 : at] in _IN_QUERY:
        finish = begin + len(data[begin:finish].partition(b"&")[0])
    value = data[begin:finish]
    if kind is Field.URL:
        return (begin, finish) if _is_connection(value) else None
    quoted = quote is not None
    typed = _TYPED_QUOTED if quoted else _TYPED
    if kind is Field.SECRET and link["sep"] and _SHORT_NAME.search(name) and typed.match(data, begin):
        kind = Field.PASSWORD
    if not is_secret(kind, value, quoted=quoted, tight=not quoted and _is_tight(name, link)):
        return None
    if (
        not _may_follow(link, name, kind, value, quote, sets=sets)
        or (kind is Field.WEAK and _is_no_secret(data, at, name, value))
        or (listed and (not _in_list(name, kind, value) or _KEY_SIGN.match(data, finish)))
        or (name == _FOLDER and value[:1] == b"/")
        or (value[:1] == b"?" and data[at - 2 : at] == b"${")  # ${NAME:?what to say when it is not set}
        or (link["below"] is not None and not strongly_opaque(value))
        or (not quoted and data[finish : finish + 1] in _OPENING and _CALLED.fullmatch(value))
    ):
        return None
    return begin, _end_of_all(data, finish, quote, listed=listed)


def _may_follow(
    link: re.Match[bytes], name: bytes, kind: Field, value: bytes, quote: bytes | None, *, sets: bool
) -> bool:
    """Such a value may stand behind a mere gap, or in the next cell of a table; behind any other sign any may."""
    if link["cell"]:
        return _in_cell(value, kind)
    if link["gap"] is None:
        return True
    told = bool(link["told"] and link["close"]) or (
        kind is Field.PASSWORD
        and (link["told"] is not None or name.isupper() or quote is not None or _is_random(value))
    )
    return _by_gap(b"-" if sets else name, value, quoted=quote is not None, told=told)


def _is_random(value: bytes) -> bool:
    return _BOTH_CASES.fullmatch(value) is not None and opaque(value)


def _is_no_secret(data: bytes, at: int, name: bytes, value: bytes) -> bool:
    """The key at that place is a UUID, the fingerprint of a public one or of a cache: `Cache hit for key: …`."""
    word = name.lower()
    if word == b"key" and is_uuid(value):
        return True
    if not word.endswith((b"key", b"keys")):
        return False
    return is_fingerprint(value) or _OF_CACHE.search(data, max(0, at - _CACHE_REACH), at) is not None


def _in_list(name: bytes, kind: Field, value: bytes) -> bool:
    """A list of secrets, not one of rules or messages for a field: `password: ["required", "min:8"]`."""
    if kind is Field.WEAK or b" " in value:
        return False
    return name[-1:] in _PLURAL or not value.isalpha()


def _end_of_all(data: bytes, finish: int, quote: bytes | None, *, listed: bool) -> int:
    """The end of a value together with those after it: the rest of a list, and what Terraform changes it to."""
    if quote is None:
        rest = _MORE_ITEMS.match(data, finish) if listed else None
    else:
        rest = _more(quote, listed=listed).match(data, finish)
    return rest.end() if rest else finish


@cache
def _more(quote: bytes, *, listed: bool) -> re.Pattern[bytes]:
    sign, body = re.escape(quote), _body(quote).pattern
    between = rb"(?:" + BLANKS + rb"," + BLANKS + rb"|" + BREAK + rb"[ \t]{0,12}-[ ])" if listed else rb"[ ]->[ ]"
    return re.compile(rb"(?:" + sign + between + sign + body + rb"(?=" + sign + rb")){1,64}+")


def _in_cell(value: bytes, kind: Field) -> bool:
    """A password in a table, not the type of a column such as `varchar(64)`."""
    return opaque(value) or (
        kind is Field.PASSWORD and _WORD_AND_NUMBER.match(value) is not None and not value.endswith((b")", b"]"))
    )


def _quotes_no_value(data: bytes, opened: re.Match[bytes], link: re.Match[bytes], name: bytes) -> bool:
    """The quote ends the text that the name stands in, `read -p "Password: " X`, or begins a command of a shell."""
    quote, begin = opened["quote"], opened.end()
    if quote == b"`":
        return _COMMAND.match(data, begin) is not None
    if quote is None or link["close"] or opened["inner"] or data[begin : begin + 1] not in _BEHIND_TEXT:
        return False
    name_at = link.start() - len(name)
    return data.rfind(quote, max(0, name_at - _LONGEST_PROMPT), name_at) >= 0


def _end_of(data: bytes, begin: int, quote: bytes | None, xml: bytes | None) -> int:
    if quote is not None:
        found = _body(quote).match(data, begin)
    elif xml:
        found = (_XML_VALUE if xml == b">" else _ESCAPED_XML_VALUE).match(data, begin)
    else:
        found = _BARE.match(data, begin, begin + _LONGEST_VALUE)
    if found is None:
        return begin
    return found.end() if quote is not None or xml else begin + len(found[0].rstrip(_TRAILING))


def _body(quote: bytes) -> re.Pattern[bytes]:
    pattern = _BODIES.get(quote)
    if pattern is None:
        closing = _CLOSING.get(quote[:1]) or re.escape(quote)
        # A quote with more backslashes before it stands inside, when the value goes on behind it.
        inside = re.escape(b"\\" * len(quote) + quote) + rb"(?=[^\s\"'`\\,;:=]{1,64}" + closing + rb")"
        pattern = re.compile(rb"(?:" + inside + rb"|(?!" + closing + rb")[^\r\n]){0,4096}")
        _BODIES[quote] = pattern
    return pattern


def _is_tight(name: bytes, link: re.Match[bytes]) -> bool:
    if link["sep"] is None:
        return link["xml"] is not None or link["gap"] is not None or link["pair"] is not None
    return name.isupper() or (link[0] in {b"=", b"%3D", b"%3d"} and b"." not in name)


def _by_gap(name: bytes, value: bytes, *, quoted: bool, told: bool) -> bool:
    """Only a space between name and value: a flag of a command, `#define`, or a value that looks random."""
    if value[:1] in b"=:-":
        return False
    if name.startswith(b"-"):
        return quoted or not (value.startswith(b"-") or _ENGLISH.fullmatch(value))
    if told and len(value) >= _SHORTEST_TOLD and not value.isalpha() and digits(value) not in {b"", value}:
        return True
    if len(value) < _SHORTEST_IN_GAP or b" " in value or _ENGLISH.fullmatch(value):
        return False
    return len(digits(value)) >= _FEWEST_DIGITS or (quoted and name.isupper())


def _is_connection(value: bytes) -> bool:
    return not is_reference(value) and (
        b"@" in value or b"assword=" in value or b"wd=" in value or b"ecret=" in value
    )
