"""Checks that a pattern cannot make: checksums, number plans, and whether text looks random."""

import re
from collections.abc import Callable

_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTHS = {country: length for length, names in _IBAN_COUNTRIES.items() for country in names.split()}
_ISSUERS = (
    # first four digits from and to, lengths
    (4000, 4999, (13, 16, 19)),  # Visa
    (5100, 5599, (16,)),  # Mastercard
    (2221, 2720, (16,)),  # Mastercard
    (3400, 3499, (15,)),  # American Express
    (3700, 3799, (15,)),  # American Express
    (3000, 3059, (14, 16, 19)),  # Diners Club
    (3600, 3699, (14, 15, 16, 17, 18, 19)),  # Diners Club
    (3800, 3999, (14, 15, 16, 17, 18, 19)),  # Diners Club
    (3528, 3589, (16, 17, 18, 19)),  # JCB
    (6011, 6011, (16, 17, 18, 19)),  # Discover
    (6440, 6599, (16, 17, 18, 19)),  # Discover, RuPay
    (6200, 6299, (16, 17, 18, 19)),  # UnionPay
    (8100, 8199, (16, 17, 18, 19)),  # UnionPay, RuPay
    (2200, 2204, (16,)),  # Mir
    (5000, 5099, (16, 17, 18, 19)),  # Maestro
    (5600, 5899, (16, 17, 18, 19)),  # Maestro
    (6000, 6999, (16, 17, 18, 19)),  # Maestro, RuPay, Elo, Hipercard
    (9792, 9792, (16,)),  # Troy
    (2014, 2014, (15,)),  # Diners Club enRoute
    (2149, 2149, (15,)),  # Diners Club enRoute
)
_DIGITS = b"0123456789"
_NOT_DIGIT = bytes(byte for byte in range(256) if byte not in _DIGITS)
_DIGIT_RUN = re.compile(rb"[0-9]+")
_CHUNK = re.compile(rb"[A-Za-z0-9]+")
_HUMP = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_NO_WORD = re.compile(rb"(?i)[bcdfghjklmnpqrstvwxz]{6}|q(?!u|l)[a-z]|j[bcdfghjklmnpqrstvwxz]|(?:abcdef|xyz|zx)")
_SHORTEST_RANDOM = 8
_FEW_DIFFERENT = 4
_LONG = 16


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
    first = int(number[:4])
    return any(low <= first <= high and len(number) in lengths for low, high, lengths in _ISSUERS)


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
    """Text that nobody would type: long chunks of mixed letters and digits, or letters that form no words."""
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
        return len(chunk) >= _LONG  # shorter ones are times, ids and sizes
    return len(numbers) > 1 or (len(chunk) >= _LONG and sum(map(len, numbers)) >= 3)  # noqa: PLR2004


def _gibberish(found: bytes, longest_hump: float = 3) -> bool:
    longest = max(_CHUNK.findall(found), key=len, default=b"")
    humps = _HUMP.findall(longest)
    if len(longest) < _SHORTEST_RANDOM:
        return False
    return len(longest) / len(humps) < longest_hump or (
        len(longest) >= _LONG and _NO_WORD.search(longest) is not None
    )


def dense(found: bytes) -> bool:
    """Opaque from the first sign after the prefix on, with digits among the letters throughout."""
    body = found.lstrip(b"_-").partition(b"_")[2] or found
    return opaque(body) and sum(map(len, _DIGIT_RUN.findall(body))) * 12 >= len(body)


def strongly_opaque(found: bytes) -> bool:
    """Opaque with four digits, or two and capitals in one long piece; no date or version among words."""
    if not opaque(found):
        return False
    numbers = _DIGIT_RUN.findall(found)
    return sum(map(len, numbers)) >= 4 or (  # noqa: PLR2004
        len(numbers) > 1 and found.isalnum() and not (found.islower() or found.isupper())
    )


def anything(found: bytes) -> bool:
    """Whatever the pattern took."""
    return bool(found)


VALIDATORS: dict[str, Callable[[bytes], bool]] = {
    "anything": anything,
    "random": random,
    "opaque": opaque,
    "strongly-opaque": strongly_opaque,
    "dense": dense,
    "card": card,
    "iban": iban,
    "ssn": ssn,
    "phone": phone,
}
