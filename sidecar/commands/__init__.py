"""One file per command of `leanvibe`: parsing, and printing what the parts below answer."""
