"""Run a keeper: `python -m valuerealization.embedded NAME VAR_DIR fast|safe REPORT_FD`, as `hold` starts it."""

import sys
from pathlib import Path

from .keeper import keep
from .servers import SERVERS

name, var_dir, durability, report_fd = sys.argv[1:]
sys.exit(keep(SERVERS[name](Path(var_dir), fast=durability == "fast"), report_fd=int(report_fd)))
