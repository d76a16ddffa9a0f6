"""Process 1, the front: owns the port; guards, redacts, normalises, appends, acknowledges and fans out.

* Start and end: `serve`, `app` (puts the parts together), `listen`, `certificate`, `data_dir` and `data_format`
  (what an older version cannot read), `keys`, `on_record`, `tasks`, `memory`, `open_files`, `recording`.
* HTTP itself: `bounded_http` (limits), `offers` (of other protocols), `hook_protocol` and `known_heads` (a hook's
  short way), `connections`, `bucket`, `admission`, `overload`.
* Routes: `receive` (guards, bodies, events in, questions), `page`, `live`, `document` and `document_route`,
  `status_routes`, `rotation`.
* An event's way: `processor`, `redaction`, `acknowledge`, `spooled`.
* The worker: `worker_link`.
* What it tells of itself: `monitor`, `stages`, `health`, `metrics`, `gather`, `footprint`, `exposition`, `auditor`.
"""
