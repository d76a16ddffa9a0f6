"""Checks that a pattern cannot make: checksums, number plans, and whether text looks random."""

import re
from collections.abc import Callable

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
_NOT_DIGIT = bytes(byte for byte in range(256) if not 0x30 <= byte <= 0x39)
_DIGIT_RUN = re.compile(rb"[0-9]+")
_CHUNK = re.compile(rb"[A-Za-z0-9]+")
_HUMP = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_NO_WORD = re.compile(rb"(?i)[bcdfghjklmnpqrstvwxz]{6}|q(?!u|l)[a-z]|j[bcdfghjklmnpqrstvwxz]|(?:abcdef|xyz|zx)")
_SHORTEST_RANDOM = 8
_FEW_DIFFERENT = 4


def luhn(number: bytes) -> bool:
    """The check digit of ISO/IEC 7812-1 holds for a string of digits."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = (digit - 0x30) << (place & 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - digit sum of a two-digit product
    return total % 10 == 0


def card(found: bytes) -> bool:
    """A payment card: an issuer's range and length (ISO/IEC 7812), and the check digit."""
    number = digits(found)
    return _issued(number) and len(set(number)) > 1 and luhn(number)


def _issued(number: bytes) -> bool:
    length, two, four = len(number), int(number[:2]), int(number[:4])
    return (
        (number[:1] == b"4" and length in {13, 16, 19})
        or (length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720))
        or (length == 15 and two in {34, 37})
        or (14 <= length <= 19 and (two in {36, 38, 39} or 300 <= int(number[:3]) <= 305))
        or (16 <= length <= 19 and (two in {62, 64, 65, 81} or four == 6011 or 3528 <= four <= 3589))
        or (12 <= length <= 19 and (two in {50, 56, 57, 58, 63, 67, 60, 61, 68, 69}) and length >= 16)
        or (length == 16 and 2200 <= four <= 2204)
        or (length == 15 and four in {2014, 2149})
    )


def iban(found: bytes) -> bool:
    """An account number of ISO 13616: the country's length and the remainder 1 modulo 97."""
    text = found.replace(b" ", b"").replace(b"-", b"").decode().upper()
    if _IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def ssn(found: bytes) -> bool:
    """A US social security number or ITIN: areas, groups and serials that the authorities give out."""
    number = digits(found)
    area, group, serial = number[:3], number[3:5], number[5:]
    if area in {b"000", b"666"} or group == b"00" or serial == b"0000":
        return False
    return area < b"900" or b"50" <= group <= b"99"


def phone(found: bytes) -> bool:
    """A number of 7 to 15 digits (ITU-T E.164) that are not all the same."""
    number = digits(found)
    return 7 <= len(number) <= 15 and len(set(number)) > 1  # noqa: PLR2004


def digits(found: bytes) -> bytes:
    """The digits of a number, separators left out."""
    return found.translate(None, _NOT_DIGIT)


def random(found: bytes) -> bool:
    """A token, not a row of x: enough different characters, and a digit or letters that form no words."""
    if len(set(found[-24:])) < _FEW_DIFFERENT:
        return False
    return _DIGIT_RUN.search(found[4:]) is not None or _gibberish(found[4:], 4.5)


def opaque(found: bytes) -> bool:
    """Text that no person would type: a long chunk of mixed letters and digits, or letters that form no words."""
    if len(set(found)) < _FEW_DIFFERENT + 2 or len(found) < _SHORTEST_RANDOM:
        return False
    chunks = _CHUNK.findall(found)
    if any(_mixed(chunk) for chunk in chunks) or _gibberish(found):
        return True
    return len(found) >= 20 and sum(_some_of_both(chunk) for chunk in chunks) > 1  # noqa: PLR2004


def _some_of_both(chunk: bytes) -> bool:
    return len(chunk) > 3 and not chunk.isalpha() and not chunk.isdigit()  # noqa: PLR2004


def _mixed(chunk: bytes) -> bool:
    if len(chunk) < _SHORTEST_RANDOM or chunk.isalpha():
        return False
    numbers = _DIGIT_RUN.findall(chunk)
    if chunk.isdigit():
        return len(chunk) >= 16  # noqa: PLR2004 - shorter ones are times, ids and sizes
    return len(numbers) > 1 or (len(chunk) >= 16 and sum(map(len, numbers)) >= 3)  # noqa: PLR2004


def _gibberish(found: bytes, longest_hump: float = 3) -> bool:
    longest = max(_CHUNK.findall(found), key=len, default=b"")
    humps = _HUMP.findall(longest)
    if len(longest) < _SHORTEST_RANDOM:
        return False
    return len(longest) / len(humps) < longest_hump or (len(longest) >= 16 and _NO_WORD.search(longest) is not None)  # noqa: PLR2004


def dense(found: bytes) -> bool:
    """Opaque from the first sign after the prefix on, with digits among the letters throughout."""
    body = found.lstrip(b"_-").partition(b"_")[2] or found
    return opaque(body) and sum(map(len, _DIGIT_RUN.findall(body))) * 12 >= len(body)


def strongly_opaque(found: bytes) -> bool:
    """Opaque with at least four digits, and no date or version among words."""
    return sum(map(len, _DIGIT_RUN.findall(found))) >= 4 and opaque(found)  # noqa: PLR2004


def anything(found: bytes) -> bool:
    """Whatever the pattern took."""
    return bool(found)


VALIDATORS: dict[str, Callable[[bytes], bool]] = {
    "anything": anything, "dense": dense, "strongly-opaque": strongly_opaque, "random": random, "opaque": opaque, "card": card, "iban": iban, "ssn": ssn, "phone": phone,
}  # fmt: skip
