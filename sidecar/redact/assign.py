"""Secrets that a name gives away: `NAME=value` in the syntax of every language and configuration file."""

import re
from functools import lru_cache

from sidecar.redact import behind, columns
from sidecar.redact.behind import BLANKS, QUOTE
from sidecar.redact.fields import Field, classify
from sidecar.redact.lines import BREAK, COLOUR, WRITTEN_BREAK

Span = tuple[int, int]

_NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_LONGEST_NAME = 48
_DEFINES = (b"-D", b"-P")  # glued to the names that Java and Gradle are given values for
_WORDS_IN_FRONT = frozenset(
    b"api access secret private auth account session bot client app service signing encryption"
    b" cache primary foreign partition sort idempotency public".split()
)

_ENDS_ESCAPE = b"nrtmK0123456789"
_IN_COLOUR = (b"[", b";")
_COLOUR_START = re.compile(rb"(?:\x1b|\\(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,12}\Z")
_COLOUR_END = re.compile(rb"[0-9]{0,3}[mK]")
_SPACE = rb"(?:[ \t]|\xc2\xa0|\xe2\x80[\x8b-\x8f\xaf])"  # blanks, no-break and zero-width ones too
_TYPED = (
    rb"(?:\]?[\"'`]?[ ]?\}?\){1,2}\.(?:(?:fill|type|press_?[sS]equentially"
    rb"|send_keys|sendKeys|setValue|set_value)\(|value[ ]?=[ ]?)"
    rb"|\)\.unwrap_or(?:_else)?\((?:\|_?\|[ ]?)?)"
)
_TAIL = re.compile(
    # What may follow is told in full: most names in a program are followed by something else.
    rb"[A-Za-z0-9_.\-]{0,40}+(?=[ \t=:,>%<\r\n|;\x1b\xc2\xe2\xef-]|(?:"
    + QUOTE
    + rb")(?:\]?\s{0,8}(?:[=:,>%<{|;\x1b\xc2\xe2vV\"'\\-]|android:v)|\)[ ]?(?:or[ ]|\|\||\?\?)|"
    + _TYPED
    + rb"|[ ](?:(?:environment[ ])?(?:variable|secret)[ ])?to[ ]`|[ ](?:translatable|formatted)=)"
    + rb"|\][ \t]{0,8}[=:,>%<\xc2\xe2-]|\][\"'][ ]?,"
    + rb"|\[[0-9A-Za-z_]{0,24}\][ \t]{0,4}="
    + rb"|\\{1,7}(?:[uxe0]|n[ ]{1,16}value|t\w{1,40}\\"
    + rb"|(?:r\\{1,7})?n(?:[-+|\w]|\\{1,7}\")[^\n\\]{0,40}(?:[|+,;]|\\{1,7}[t\"]))"
    + rb"|\*\*|&gt;|[({]\\{0,7}[\"'])"
)
_TO_VALUE = re.compile(
    rb"""(?x)
    (?:"""
    + COLOUR
    + rb"""){0,3}
    (?P<close>"""
    + QUOTE
    + rb""")? (?: \] (?:["'](?=[ ]?,))? )?  # the end of a quoted name, also in brackets
    (?:"""
    + COLOUR
    + rb"""){0,3} (?:\*\*(?=:))?
    (?: [ ](?:\([\w ./-]{1,24}\)|provided|given)(?=:) | [ ]for[ ][\w.@-]{1,32}(?=:|[ ]is[ ]) )?  # password (staging):
    (?: (?: [ \t]{0,4}:[ \t]{0,4} | [ \t]{1,4} )  # a declared type: key: str =
        (?: &?(?:'static[ ])?[Ss]tr(?:ing)?[?!]? | bytes | SecretStr | char[ ]?\* | (?:Optional|Final|ClassVar)\[str\]
          | As[ ]String
          | str[ ]\|[ ]None | string[ ]\|[ ](?:undefined|null) | Secret | Final | final | any | \[\]byte )
        [ \t]{0,4} (?==)
      | \[[0-9A-Za-z_]{0,24}\][ \t]{0,4} (?==)  # C
      | [ ]\{[ ]get;[ ](?:(?:private[ ])?(?:set|init);[ ])?\}[ ](?==) )?  # C#
    (?: (?P<within> :[ ]?\{ """
    + BLANKS
    + rb"""(?: \\{0,7}"(?:type|sensitive)\\{0,7}":[ ]?\\{0,7}["]?[a-z]{1,12}\\{0,7}["]?, """
    + BLANKS
    + rb"""){0,2} \\{0,7}"value\\{0,7}":[ ]? )  # of an output of Terraform
      | """
    + _SPACE
    + rb"""{0,24} (?P<sep> :?={1,3}>? | (?:\|\||\?\?)=  # set unless it is
        | \{(?=\\{0,7}["'])  # C++
        | ::(?=[ \t]) | :(?![:/]) | -> | =?%3(?:[dD]|[aA](?!%2[fF])) | \\{1,7}u003[dD]
        | <{1,2}-(?=[ ]?\\{0,7}["'])  # R
        | \xef\xbc[\x9a\x9d] | \xe2\x86\x92 | \xe2\x80[\x93\x94]  # full-width signs, an arrow and dashes too
        | \)?[ ]?(?:or|\|\||\?\?)(?=[ ]?\\{0,7}["'`]) ) [>:]? (?:\*\*)?
      | (?: [ ](?:translatable|formatted)=\\{0,7}"[a-z]{4,5}\\{0,7}" )?  # a resource of Android
        (?P<xml> > | &gt; | \\{1,7}u003[eE] ) (?=[^\s<>&]|<!\[CDATA\[)  # <api_key>value
      | (?P<block> \s{0,2}\{ (?:[^{}\n]{0,120}\n){0,6}? [^{}\n]{0,120}? \bdefault[ \t]{0,8}= )  # Terraform
      | (?P<cell> [ \t]{1,24}(?:\||\xe2\x94\x82|\xe2\x95\x91)[ \t]{1,24} | [ ]{2,32}REG_[A-Z_]{2,12}[ ]{2,32}
                | [ ]?</t[dh]>(?:\s{0,24}|"""
    + BREAK
    + rb"""[ \t]{0,24})<t[dh][^<>]{0,80}> )  # of a table
      | (?P<pair> (?: [\s,]{1,24}+ (?:\\n|\\t)? | [ ,]{0,4}+"""
    + BREAK
    + rb""" ) \s{0,16}+ (?:(?i:scope|type|environment):[ ]?[\w-]{1,24}\s{1,24}+)?
                \\{0,7}["']? (?:android:)?(?i:value) \\{0,7}["']? \s{0,12} [:=]
                | </key>(?:\s{0,8}|"""
    + BREAK
    + rb"""[ \t]{0,16})<string> )     # name: X, value:
      | (?P<arg> \s{0,4},\s{0,24} (?:default[ ]?=[ ]?)? (?=\\{0,7}["'`]) )  # get("X", "value")
      | (?P<call> \( ) (?=\\{0,7}["'])  # setPassword("value")
      | (?P<typed> """
    + _TYPED
    + rb""" ) (?=\\{0,7}["'`])  # fill("value")
      | (?P<gap> [ \t]{1,32} (?P<told> (?: (?:environment[ ])?(?:variable|secret)[ ](?=to[ ]`) )?
                                    (?:is|was|to)[ :=]{1,3} )? )
    )
    (?:[ \t]|\xc2\xa0|"""
    + COLOUR
    + rb"""){0,8}
    (?: \\?"""
    + WRITTEN_BREAK
    + rb"""[ \t]{0,12}(?=["']) | [|>][-+]?[ \t]{0,4}"""
    + BREAK
    + rb"""[ \t]{1,16}  # on the next line
      | (?P<below> """
    + WRITTEN_BREAK
    + rb"""[ \t]{1,16} (?=[A-Za-z0-9][^\s:"'\\]{11,512}[ \t]{0,4}(?:\r?\n|\Z)) )
      | (?P<item> """
    + BREAK
    + rb"""[ \t]{0,12}-[ ] ) )?  # the first of a list
    """
)
_PROSE = re.compile(rb"[ ](?!(?:is|was|to|for)[ ])[a-z]{1,15}[ ][A-Za-z]\S{0,14}\s")
"""Two short words that tell of no value, as behind most keywords in comments and loops.

Asked first, since `_TO_VALUE` takes ten times as long to come to the same end.
"""
_LONG_WORD = re.compile(rb"(?:[A-Za-z-]{3,10}(?:[ \t]|%20|\+){1,3})?\S{16}")  # perhaps behind its scheme
_CALL = re.compile(rb"(?:\(|[( ][\"']String[\"'],)\s{0,3}\\{0,7}[\"'`](?:[#.]|(?:input)?\[name=\\{0,7}[\"']?)?\Z")
_SETS = re.compile(rb"(?:\bsetx|\bsetenv|\bset[ ]-g?x|\bENV|\bARG)[ ]{1,3}\Z")  # commands and Dockerfiles
_PAIRS = re.compile(rb"\bKey[ ]{2,64}Value[ ]{0,64}\r?\n[^\n]{0,32}?---[ ]{2,64}-----")  # as Vault prints them
_SETS_REACH, _CALL_REACH, _PAIRS_REACH = 12, 24, 2048
_PAIRS_GAP = 4
_LONG_OR_QUOTED = re.compile(_LONG_WORD.pattern + rb"|[\"'`]|\xe2\x80[\x98-\x9f]")
_IN_COLUMN = re.compile(_LONG_OR_QUOTED.pattern + rb"|(?=[^\s]{0,64}[0-9])\S{8}")
_ASKS = re.compile(
    rb"(?i)\.(?:get|has|is|read|find|fetch|load|check|verify|validate|parse|decode|create|delete|remove|expect)"
)
_OPAQUE_QUOTED = re.compile(
    rb"\\{0,7}[\"'](?=[^\"'\s]{0,64}[0-9])(?=[^\"'\s]{0,64}[A-Za-z])[A-Za-z0-9_+=!@#%^&*~-]{16,}\\{0,7}[\"']\)"
)
_ARGUMENT = re.compile(rb"\\{0,7}[\"'](?!-)(?=[^\s\"']{0,64}[0-9])[^\s\"'\\]{6,4096}\\{0,7}[\"']")
_IN_LIST = re.compile(rb"[\[,]\s{0,24}\\{0,7}[\"']\Z")
_LIST_REACH = 40
_ATOM = re.compile(rb"[ ,(\[]:\Z")
_ALONE = frozenset((b"password", b"passwd", b"pwd", b"passphrase"))

_FOUND_BY_THEMSELVES = (Field.EMAIL, Field.PHONE, Field.SSN, Field.CARD)


def find(data: bytes, start: int, end: int) -> Span | list[Span] | None:
    """The span of the secret that a keyword at `start..end` names, None where it names none.

    As the head of a column it may name many.
    """
    while data[end - 1] not in _NAME:  # a gate may hold the sign behind the name
        end -= 1
    tail = _TAIL.match(data, end)
    if tail is None:
        return None
    after = tail.end()
    name = _name(data, start, after)
    kind = _claim(name)
    if kind is None or data[after - len(name) - 3 : after - len(name)] == b"://":
        return None  # the user name in https://x-access-token:…@host: the rule for URLs knows where that ends
    found = _behind(data, after, name, kind)
    if found is None and columns.may_be_head(data, after):
        return columns.below(data, start, after, _claim) or None
    return found


def _behind(data: bytes, after: int, name: bytes, kind: Field) -> Span | None:
    """The span of the secret behind a name of that kind, which ends at `after`."""
    if kind is not Field.PASSWORD and _PROSE.match(data, after) and name[:1] != b"-" and not name.isupper():
        return None
    link = _TO_VALUE.match(data, after)
    if link is None or (link["close"] and _no_field(data, link, after - len(name), name, kind)):
        return None
    at = after - len(name)
    sets = bool(link["gap"]) and (_is_set(data, at, name) or _in_pairs(data, at, link))
    if not (sets or _leads(data, link, at, name, kind)):
        return None
    return behind.secret(data, link, name, kind, sets=sets)


def _is_set(data: bytes, at: int, name: bytes) -> bool:
    return name.isupper() and _SETS.search(data, max(0, at - _SETS_REACH), at) is not None


def _in_pairs(data: bytes, at: int, link: re.Match[bytes]) -> bool:
    """The name stands in a table of names and values, far from its value as all names there."""
    if len(link["gap"]) < _PAIRS_GAP:
        return False
    head = data.find(b"Key  ", max(0, at - _PAIRS_REACH), at)
    return head >= 0 and _PAIRS.search(data, max(0, at - _PAIRS_REACH), at) is not None


def _leads(data: bytes, link: re.Match[bytes], at: int, name: bytes, kind: Field) -> bool:
    """What stands between the name at that place and its value is enough for a name and a value of that kind."""
    if link["gap"]:
        return bool(link["told"]) or name[:1] == b"-" or _near(data, link.end(), kind)
    if link["arg"] is not None:
        return _CALL.search(data, max(0, at - _CALL_REACH), at) is not None or _is_argument(data, link, at, name)
    return link["call"] is None or _takes_secret(name, kind) or _builds(data, link.end(), name)


def _is_argument(data: bytes, link: re.Match[bytes], at: int, name: bytes) -> bool:
    """The name is an atom, or a flag in a list such as `["--api-key", "…"]`, and what follows is no flag or word."""
    if not _ARGUMENT.match(data, link.end()):
        return False
    if name[:1] != b"-":
        return _ATOM.search(data, max(0, at - len(b" :")), at) is not None
    return _IN_LIST.search(data, max(0, at - _LIST_REACH), at) is not None


def _near(data: bytes, at: int, kind: Field) -> bool:
    """Behind nothing but a space stands a long word, or a password in quotes or in a column of its own."""
    if kind is not Field.PASSWORD:
        return _LONG_WORD.match(data, at) is not None
    return (_IN_COLUMN if data[at - 2 : at].isspace() else _LONG_OR_QUOTED).match(data, at) is not None


def _takes_secret(name: bytes, kind: Field) -> bool:
    """What is called takes the secret itself: `setPassword`, `withToken`, `bearer_auth`, or `password` alone."""
    word = name.lower().rpartition(b".")[2]
    return word.startswith((b"set", b"with", b"bearer")) or (kind is Field.PASSWORD and word in _ALONE)


def _builds(data: bytes, at: int, name: bytes) -> bool:
    """A step of a builder such as `.clientSecret("…")` gets what no name, path or sentence looks like."""
    return name[:1] == b"." and not _ASKS.match(name) and _OPAQUE_QUOTED.match(data, at) is not None


def _no_field(data: bytes, link: re.Match[bytes], at: int, name: bytes, kind: Field) -> bool:
    """The quoted name is a word in quotes, or a type such as "AWS::IAM::AccessKey"; not in: Set `API_KEY` to `…`."""
    is_set = link["told"] and link["close"] == b"`" and name.isupper()
    return bool((link["gap"] and not is_set) or (link["xml"] and kind is Field.WEAK) or data[at - 2 : at] == b"::")


@lru_cache(maxsize=4096)
def _claim(name: bytes) -> Field | None:
    kind = classify(name.decode("ascii", "ignore"))
    return None if kind in _FOUND_BY_THEMSELVES else kind


def _name(data: bytes, start: int, after: int) -> bytes:
    left = data[max(0, start - _LONGEST_NAME) : start]
    run = left[len(left.rstrip(_NAME)) :]
    if run and run[0] in _ENDS_ESCAPE:
        run = _without_escape(left, run)
    if run.startswith(_DEFINES):
        run = run[2:]
    in_front = _word_in_front(left) if not run and left[-1:] == b" " else b""
    return in_front + run + data[start:after]


def _without_escape(left: bytes, run: bytes) -> bytes:
    """What is left of a name's start: the end of an escaped newline or of a colour before it is no part of it."""
    before = left[: len(left) - len(run)]
    if before[-1:] == b"\\":
        return run[1:] if run[:1] in b"nrt" else run
    colour = _COLOUR_END.match(run) if before[-1:] in _IN_COLOUR and _COLOUR_START.search(before) else None
    return run[colour.end() :] if colour else run


def _word_in_front(left: bytes) -> bytes:
    # `Client Secret: …`, `API key …`: names of two words.
    word = (left.rsplit(None, 1) or [b""])[-1].lstrip(b"*|(\"'`")
    return word + b" " if word.lower() in _WORDS_IN_FRONT else b""
