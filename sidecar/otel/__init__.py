"""Telemetry as pure functions: hook events → spans, log records and metrics shaped for OTLP. No I/O, no clock.

* What an event means: `kinds`, `ids`, `digest` (what is kept of it), `loose` (reading payloads), `batch`, `failures`,
  `homes` (the turn of a subagent in the background).
* When a turn is over: `turns` (decides), `open_turn`, `early`, `memory` (what left before), `scope` (whose turn).
* From a turn to spans: `turn` (times and outcome), `calls`, `subagents`, `tree` (what hangs where), `spans`,
  `agent_spans`, `tool_spans`, `compactions`, `parts` (huge turns).
* Log records: `logs`. Metrics: `changes` (of one span), `tally` (sums them up), `instruments` (names and units).
* The data itself: `model`, `log_model`, `metric_model`. Every name that is sent: `semconv`.
"""
