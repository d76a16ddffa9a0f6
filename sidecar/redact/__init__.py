"""Redaction: secrets and personal data leave an event before anything else sees it.

* From payload to payload: `redactor`, over the strings that `leaves` gathers; `known` (texts that come again),
  `account` (what was taken out), `capture` (left out by choice), `salvage` (what is left when it fails).
* JSON: `codec`, `extent`.
* Rules: `rules` reads them, `policy` says which act and how, `linear` refuses patterns without an end in time.
* The scan: `engine` finds candidates by the literals that `scanners` look for; `databases` keeps compiled ones.
* From candidate to exact span: `finders`, `boundary`, `validators`; `numbers` (of people), `armour` (private keys),
  `escapes` and `base64_text` (what is written otherwise).
* By name: `fields` (what a name says), `named` (fields of JSON), `assign`, `behind`, `values` and `columns` (text),
  `lines` (what tools write before each).
"""

from sidecar.redact.account import Leak
from sidecar.redact.codec import decode, encode
from sidecar.redact.extent import values_in
from sidecar.redact.policy import Policy
from sidecar.redact.policy import load as load_policy
from sidecar.redact.redactor import PIIRedactor, Redacted, all_rules, redact_text

__all__ = [
    "Leak", "PIIRedactor", "Policy", "Redacted", "all_rules", "decode", "encode", "load_policy", "redact_text",
    "values_in",
]  # fmt: skip
