"""From a literal that was seen to the exact span that a rule takes out."""

import re
from collections.abc import Callable

from sidecar.redact import armour, assign, base64_text, boundary, escapes
from sidecar.redact.rules import Rule
from sidecar.redact.validators import VALIDATORS, opaque
from sidecar.redact.values import is_reference

Span = tuple[int, int]
Finder = Callable[[bytes, int, int], Span | None]
AnyFinder = Finder | Callable[[bytes, int, int], Span | list[Span] | None]
"""A name may be the head of a column: then there are many."""

_CONTINUATION = bytes(range(0x80, 0xC0))
_LOCAL_PART = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-'"
    b"\xc3\xc4\xc5" + _CONTINUATION  # Latin letters with accents
)
_OTHER_SCRIPT = re.compile(
    # Greek, Cyrillic, Chinese, Japanese, Korean and others, no signs.
    rb"(?:[\xce-\xdf][\x80-\xbf]|[\xe0\xe1\xe4-\xed][\x80-\xbf]{2}|\xe3[\x81-\xbf][\x80-\xbf]|[0-9._-]){1,32}\Z"
)
_USERINFO = re.compile(rb"://[^\s/@:]{0,64}:[^\s/@?&=#]{0,64}\Z")
_USER = re.compile(rb"(?:https?|ssh|git(?:\+(?:ssh|https?))?|s?ftp|rsync|svn(?:\+ssh)?)://\Z")
"""Schemes of hosts that one logs in to; before an `@` that is written as `%40` stands the user's address even so."""
_SCHEME = b"://"
_AT = ord("@")
_LONGEST_USERINFO = 160
_PERCENT = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_COLOUR = re.compile(rb"[0-9]{0,3}m")
_ESCAPED = re.compile(rb"\A(?:[nrt]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})")
_NOBODY = frozenset({b"git", b"hg", b"svn"})
_LONGEST_LOCAL_PART = 64
_IN_PATHS = bytes(byte for byte in range(256) if byte not in b" \t\r\n\"'`<>(),;|=")
_LONGEST_PATH = 200
_REQUEST = re.compile(rb"(?:\A|[^A-Za-z0-9_-])(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)[ ]\Z")
_LONGEST_METHOD = 9
_IMPORT = re.compile(rb"(?:\bfrom|\bimport|\brequire\(|\bimport\(|\bmock\()[ ]?[\"'][@~]\Z")
"""Before a path whose first sign stands for the folder of the sources."""
_LONGEST_IMPORT = 12
_ALIASES = (b"@", b"~")
_VOLUME = re.compile(rb"/Volumes(?:/[A-Za-z0-9._-]{1,24}(?:[ ][A-Za-z0-9._-]{1,24}){1,3})\Z")
"""A disk of macOS, whose name may hold blanks: `/Volumes/Macintosh HD`."""
_ROOT = re.compile(
    rb"(?i)(?:^|[:@])(?:file:/{0,3}(?:[a-z]:)?|vscode://file|file://[a-z0-9.-]{1,64}"
    rb"|(?:vscode|vscode-remote|sftp|ssh|rsync|smb|nfs)://(?:vscode-remote/)?[^/]{1,128}|[ab]"  # also in a diff
    rb"|(?:https?://[a-z0-9.:-]{1,64})?/@fs|/(?:mnt|media|export|nfs)/[a-z0-9._-]{1,40}"
    rb"|/(?:export|var|usr|data|net|private|nfs|srv|host|hostfs|mnt|rootfs|cygdrive|system/volumes/data)(?:/[a-z])?"
    rb"|(?:\\{0,4}/)?mnt\\{0,4}/[a-z]|/volumes/[^/]{1,40}|\\{0,4}/[a-z]|[a-z]:|[~/\\]|[.~/\\]{2,24}|-[A-Za-z]"
    rb"|\\{2,8}[a-z0-9.$_-]{1,64}(?:\\{1,4}[a-z0-9._-]{1,40})?)?\Z"  # UNC
)


def build(rule: Rule, search: escapes.Search) -> AnyFinder:
    """The finder of a rule: called with data and the place of a gate's literal, answers the span, spans or None.

    `search` finds by all rules, for those that have to read a text in another way first.
    """
    if rule.finder == "escapes":
        return escapes.finder(rule, search)
    if rule.finder == "base64":
        return base64_text.finder(rule, search)
    makers: dict[str, Callable[[Rule], AnyFinder]] = {
        "token": _token,
        "email": _email,
        "home": _home,
        "assignment": _assignment,
        "armour-end": _armour_end,
    }
    return makers[rule.finder](rule)


def _token(rule: Rule) -> Finder:
    match = rule.compiled().match
    free = boundary.BOUNDARIES[rule.left]
    valid = VALIDATORS[rule.validator]
    group = "s" if "(?P<s>" in rule.pattern else 0
    behind_name = group and rule.kind != "pii"

    def find(data: bytes, start: int, _end: int) -> Span | None:
        found = match(data, start)
        if found is None or not free(data, start):
            return None
        value = found[group]
        if not valid(value) or (behind_name and is_reference(value)):
            return None
        return found.span(group)

    return _extended(rule, find) if rule.before else find


def _extended(rule: Rule, find: Finder) -> Finder:
    """The finder of a rule whose literal stands in the middle of the secret or at its end."""
    taken = bytes(byte for byte in range(256) if re.fullmatch(b"[" + rule.before.encode() + b"]", bytes((byte,))))
    maximum, minimum = rule.maximum, rule.minimum

    def find_extended(data: bytes, start: int, end: int) -> Span | None:
        span = find(data, start, end)
        if span is None:
            return None
        before = data[max(0, start - maximum) : start]
        begin = start - (len(before) - len(before.rstrip(taken)))
        return (begin, span[1]) if begin < start and span[1] - begin >= minimum else None

    return find_extended


def _email(rule: Rule) -> Finder:
    match = rule.compiled().match

    def find(data: bytes, start: int, _end: int) -> Span | None:
        domain = match(data, start)
        if domain is None:
            return None
        before = data[max(0, start - _LONGEST_LOCAL_PART) : start]
        local = _local_part(before) or _in_other_script(before)
        begin = start - len(local)
        if not local or local in _NOBODY:
            return None
        plain = data[start] == _AT
        if _is_userinfo(data[max(0, begin - _LONGEST_USERINFO) : begin], local, plain=plain):
            return None
        return begin, domain.end()

    return find


def _is_userinfo(before: bytes, local: bytes, *, plain: bool) -> bool:
    # In https://user:token@host and https://user@host no address stands, and the host is no secret.
    if before.endswith(_SCHEME):
        return opaque(local) or (plain and _USER.search(before) is not None)
    return _USERINFO.search(before) is not None


def _local_part(before: bytes) -> bytes:
    """The part of an address that the text before its `@` ends with; escapes in front are no part of it."""
    local = before[len(before.rstrip(_LOCAL_PART)) :]
    sign = before[-len(local) - 1 : -len(local)] if local else b""
    if sign == b"\\":
        local = _ESCAPED.sub(b"", local, count=1)
    elif sign in {b"[", b";"}:
        colour = _COLOUR.match(local)
        local = local[colour.end() :] if colour else local
    quoted = _PERCENT.match(local)
    return local[quoted.end() if quoted else 0 :].lstrip(b".'%-" + _CONTINUATION)


def _in_other_script(before: bytes) -> bytes:
    found = _OTHER_SCRIPT.search(before)
    return found[0].lstrip(b".-_") if found else b""


def _home(rule: Rule) -> Finder:
    match = rule.compiled().match

    def find(data: bytes, start: int, _end: int) -> Span | None:
        found = match(data, start)
        if found is None or not _is_root(data, start):
            return None
        return found.span("s")

    return find


def _is_root(data: bytes, start: int) -> bool:
    """`/home/` begins a path here: it is no folder of a web address, of a request or inside a project."""
    if data[start - 1 : start] == b" " and _REQUEST.search(data, max(0, start - _LONGEST_METHOD), start):
        return False
    if data[start - 1 : start] in _ALIASES and _IMPORT.search(data, max(0, start - _LONGEST_IMPORT), start):
        return False
    if not start or (data[start - 1] not in boundary.ALNUM and data[start - 1] not in b"/:.-_~)]}\\"):
        return True
    text = data[max(0, start - _LONGEST_PATH) : start]
    if _VOLUME.search(text):
        return True
    before = text[len(text.rstrip(_IN_PATHS)) :]
    return not before or _ROOT.search(before) is not None or boundary.escaped(data, start)


def _assignment(_rule: Rule) -> AnyFinder:
    return assign.find


def _armour_end(rule: Rule) -> Finder:
    match = rule.compiled().match

    def find(data: bytes, start: int, _end: int) -> Span | None:
        return armour.end_of_key(data, start) if match(data, start) else None

    return find
