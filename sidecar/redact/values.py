"""Is the text behind a telling name a secret, or a reference, a placeholder, a word of a program?"""

import re
import tomllib
from functools import cache

from sidecar import resources
from sidecar.redact.fields import Field
from sidecar.redact.validators import opaque, strongly_opaque

REDACTED = re.compile(rb"\[(?:[A-Z_]{2,40}(?::[0-9a-f]{8,32})?|USER)\]")
"""What stands where something was taken out; never taken for a secret again."""

_REFERENCE = re.compile(
    rb"""(?xi)
    \$[a-z_][a-z0-9_]*(?:\W|$) | \$[0-9@*]$ | :[a-z_][a-z0-9_]*$
    | (?-i:(?:Read|Get|New|ConvertTo|Import)-[A-Z][A-Za-z]+$)
    | %[a-z_][a-z0-9_.]{1,64}%?$ | %\(? [a-z_]* \)? [sdr]$ | \{[a-z_.\[\]"'0-9]*\}$ | <[^<>]{1,64}>$ | \#\{
    | os\.|process\.env|env\.|env\[|env\(|getenv|secrets?\.|vars?\.|config\.|settings\.|self\.|this\.|args\.
    | options\.|opts\.|params\.|request\.|req\.|data\.|module\.|local\.|each\.|ctx\.|context\.|props\.|state\.
    | std::|system\.|[*&]?[\w.]{1,80}(?:(?:::|->)[\w.]{1,40}){0,3}\( | new[ ] | await[ ] | lambda | f["'] | @
    | [*&][a-z_-]+$ | \.[*+] | \[\^ | \\{1,4}[sSwWdD]  # a pattern
    | \(|[a-z_][a-z0-9_]{0,40}\[(?![^\]]{1,40}\][a-z0-9])
    | op://|vault:|arn:aws:|ssm:|sops:|enc\[|file:|/run/secrets/|secret:// | !(?:ref|sub|vault|env|getatt)
    """
)
_REFERENCE_INSIDE = re.compile(
    rb"\$[{(]|\{\{|\{[A-Za-z_][\w.]*\}|<%|[-:/ ]\$[A-Za-z_]|[xX]{5}|\*{3}|(?i:redacted)"
    rb"|\[(?:USER|NOT_CAPTURED|[A-Z_]{2,40}:[0-9a-f]{8})"
)
_STAND_IN = re.compile(
    rb"""(?xi)
    abcdefghijklmnopqrstuvwxyz.?(?:0123456789|abcdefghijklmnopqrstuvwxyz)
    | \#[0-9a-f]{3,8}$ | .{0,64}:[ ]?$ | \[+[a-z_ .-]+\]+$ | .{0,64}\.{3}$
    | (?: x{3,} | \*{2,} | _{3,} | -{3,} | ~{3,} | \#{3,} | 0+ | 1234?5?6?7?8?9?0? )[.'"]*$
    | (?:your|insert|enter|replace|put|add)[-_ .]
    | .{0,64}(?:[-_ ]here|_goes_here|[-_ ]placeholder)$ | placeholder | change[-_ ]?(?:me|it|this)
    | (?:argon2\w*|sha\d+|arrow\w*|aes\S{0,16})$
    | (?:required|nullable|sometimes|string|confirmed|bail)\| | pass(?:word|wd|phrase)(?:[-_][a-z]{2,16}){1,3}$
    | (?:null|nil|none|undefined|true|false)[;,)\]}]
    """
)
_ARTICLE = re.compile(rb"(?i)(?:my|the|some|an?)[-_ .]")
_IDENTIFIER = re.compile(rb"[A-Za-z_$][A-Za-z_$]*(?:(?:\.|->|::)[A-Za-z_$][A-Za-z0-9_$]*)*(?:\[[^\]]{0,40}\])?[?!]?")
_MEMBER = re.compile(rb"[A-Za-z_$][A-Za-z0-9_$]*(?:(?:\.|->|::)[A-Za-z_$][A-Za-z0-9_$]*)+(?:\[[^\]]{0,40}\])?")
_CONSTANT = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_SEED_PHRASE = re.compile(rb"(?:[a-z]{3,8}[ ]){11,23}[a-z]{3,8}")  # BIP 39: 12 to 24 words
_LETTERS = re.compile(rb"[A-Za-z0-9\x80-\xfe]{2}")
_PROSE = re.compile(rb"(?:[A-Za-z']{1,20}[.,:;!?]?[ ]){2,}[A-Za-z']{1,20}[.!?]?")
_PATH = re.compile(
    rb"(?:\.{0,2}/|~/|[A-Za-z]:\\)[\w.@~-]+(?:[/\\][\w.@~-]+)*/?|[\w./-]+\.(?:pem|crt|cer|p12|jks|key|json|ya?ml|toml|txt|env|py|js|ts|php|html?|md|sh"
    rb"|gz|tgz|zip|tar|bz2|zst|csv|parquet|log|png|jpe?g|gif|webp|svg|pdf|css)"
)
_UUID = re.compile(rb"(?i)[0-9a-z]{8}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{12}")
_FINGERPRINT = re.compile(rb"(?:0x)?(?:[0-9A-F]{16}|[0-9A-F]{40})")
_WEB = re.compile(rb"(?i)https?://[^\s?]*")
_NUMBER = re.compile(rb"[+-]?[0-9][0-9_.,]*[a-zA-Z%]{0,3}")
_SHORTEST = {Field.PASSWORD: 3, Field.SECRET: 6, Field.WEAK: 8}
_DIGITS = re.compile(rb"[0-9]")
_DIGITS_INSIDE = re.compile(rb"[A-Za-z][0-9]+[A-Za-z]")
_NAME = re.compile(rb"[A-Za-z_$][\w$.]*")
_RANDOM_BEHIND_SIGN = re.compile(rb"[$%][^\s${}()%]{8,128}")
_SIGN_FIRST = re.compile(rb"[@(](?=[^\s]{0,64}[0-9])(?=[^\s]{0,64}[A-Za-z])[^\s()/.\[\]{}]{5,128}")


def is_reference(value: bytes, *, quoted: bool = False) -> bool:
    """The value only points to a secret, or stands for one: `$VAR`, `${{ secrets.X }}`, `<token>`, `xxxx`.

    In quotes an `@` or a bracket may be the first sign of a password, and anywhere a `$` or `%` before what no
    variable is called.
    """
    if value.lower() in _words():
        return True
    if (quoted and _SIGN_FIRST.fullmatch(value)) or _is_no_variable(value):
        return False
    return bool(
        _REFERENCE.match(value)
        or _REFERENCE_INSIDE.search(value)
        or _STAND_IN.match(value)
        or (_ARTICLE.match(value) and not _is_random(value))
    )


def _is_random(value: bytes) -> bool:
    return strongly_opaque(value) or (opaque(value) and value.lower() != value and _DIGITS.search(value) is not None)


def _is_no_variable(value: bytes) -> bool:
    return _RANDOM_BEHIND_SIGN.fullmatch(value) is not None and strongly_opaque(value[1:])


@cache
def _words() -> frozenset[bytes]:
    data = tomllib.loads(resources.path("config", "redaction", "fields.toml").read_text("utf-8"))
    return frozenset(word.encode() for word in data["words"])


def is_field_secret(value: bytes) -> bool:
    """Whether the whole value of a field that is called a secret is one: any word, no path or number."""
    if len(value) < _SHORTEST[Field.SECRET] or b" " in value or is_reference(value):
        return is_secret(Field.SECRET, value, quoted=True, tight=True)
    return not (_PATH.fullmatch(value) or _WEB.fullmatch(value) or _NUMBER.fullmatch(value))


def is_uuid(value: bytes) -> bool:
    """The value has the form of a UUID, which a telling name alone does not make a secret."""
    return _UUID.fullmatch(value) is not None


def is_fingerprint(value: bytes) -> bool:
    """The value has the form in which GnuPG writes the id or fingerprint of a public key."""
    return _FINGERPRINT.fullmatch(value) is not None


def is_secret(kind: Field, value: bytes, *, quoted: bool, tight: bool) -> bool:
    """Whether the value of a field of that kind is to be taken out of a text.

    Args:
        kind: what the name claims.
        value: the value without its quotes.
        quoted: it stood in quotes, so it is no expression of a program.
        tight: the name is all capitals or the value follows `=` at once, as in shells and .env files.
    """
    if len(value) < _SHORTEST.get(kind, 6) or not _LETTERS.search(value):
        return False
    if kind is Field.WEAK:
        return opaque(value) and not is_reference(value) and _weak(value)
    if is_reference(value, quoted=quoted):
        return False
    if not quoted and _is_code(value, tight=tight):
        return False
    return _password(value) if kind is Field.PASSWORD else _secret(value, quoted=quoted, tight=tight)


def _is_code(value: bytes, *, tight: bool) -> bool:
    if _MEMBER.fullmatch(value) and not opaque(value):
        return True
    return not tight and (_IDENTIFIER.fullmatch(value) is not None and not opaque(value))


def _password(value: bytes) -> bool:
    if _SEED_PHRASE.fullmatch(value):
        return True
    return not (_PROSE.fullmatch(value) or _CONSTANT.fullmatch(value) or value.startswith((b"/run/", b"/etc/")))


def _secret(value: bytes, *, quoted: bool, tight: bool) -> bool:
    if b" " in value or _PATH.fullmatch(value) or _WEB.fullmatch(value) or _NUMBER.fullmatch(value):
        return False
    if _UUID.fullmatch(value) or opaque(value):
        return True
    return (tight or quoted or _is_no_expression(value)) and _irregular(value)


def _is_no_expression(value: bytes) -> bool:
    """No name in a program, and digits stand inside more than one of its words: `c0rrect-h0rse`, not `k8s-secret`."""
    return _NAME.fullmatch(value) is None and len(_DIGITS_INSIDE.findall(value)) > 1


def _irregular(value: bytes) -> bool:
    """Not a word or name: capitals inside, or a digit or sign between letters."""
    if _CONSTANT.fullmatch(value) or re.fullmatch(rb"[A-Za-z][a-z]*(?:[-_. /:][A-Za-z]?[a-z]*[0-9]{0,2})*", value):
        return False
    body = re.sub(rb"[^A-Za-z0-9]", b"", value)
    if body.isalpha():
        humps = len(re.findall(rb"[A-Z]?[a-z]+|[A-Z]+", body))
        return humps > 1 and len(body) / humps < 3.5  # noqa: PLR2004 - words are longer
    return not body.isdigit() and len(body) >= 6  # noqa: PLR2004


def _weak(value: bytes) -> bool:
    if b" " in value or b"/" in value[:1] or _WEB.fullmatch(value) or _PATH.fullmatch(value):
        return False
    return (not _MEMBER.fullmatch(value) or strongly_opaque(value)) and not _CONSTANT.fullmatch(value)
