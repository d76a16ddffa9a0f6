"""Where one line of a text ends and the next begins, also where a tool writes something before each line."""

import re

COLOUR = rb"(?:\x1b|\\{1,7}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,16}[mK]"
"""What a terminal is told its colours with, in whatever way it is written."""

MARGIN = (
    rb"(?:(?:" + COLOUR + rb"){0,2}"
    rb"(?:[ ]{0,7}[0-9]{1,6}(?:\t|\xe2\x86\x92|[:-]|[ ]{0,2}\|[ ]?)|[\w./-]{1,80}[:-][0-9]{1,6}[:-])?"
    rb"[ ]?(?:[+>-](?![+>-]))?(?:" + COLOUR + rb"){0,3})"
)
"""What `cat -n`, an agent's reader, `grep -n`, a diff or a quotation puts before a line; often nothing."""

WRITTEN_BREAK = rb"(?:\r?\n" + MARGIN + rb")"
"""The end of a line, and the margin of the next."""

BREAK = rb"(?:(?:\r?\n|(?:\\{1,7}r)?\\{1,7}n)" + MARGIN + rb")"
"""The same, also where the end is written as an escape."""

_MARGIN = re.compile(MARGIN)


def margin(row: bytes) -> int:
    """How many bytes of a line are its margin; blanks alone are none."""
    found = _MARGIN.match(row)
    return found.end() if found and not found[0].isspace() else 0
