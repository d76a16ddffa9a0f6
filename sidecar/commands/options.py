"""Options that several commands share."""

from pathlib import Path

import rich_click as click

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the sidecar (default: LEANVIBE_DATA_DIR, else leanvibe in $XDG_STATE_HOME or ~/.local/state).",
)
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with settings (default: LEANVIBE_CONFIG).",
)
url_option = click.option(
    "--url",
    help="URL of the running sidecar (default: what the data directory says). Its token, when it has another data "
    "directory: LEANVIBE_TOKEN.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
