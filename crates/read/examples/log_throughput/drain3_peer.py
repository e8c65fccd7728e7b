"""Finds templates with Drain3 in the lines of the file given, as it does out of the box."""

import sys

from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

config = TemplateMinerConfig()
# Without a bound it slows down with every template.
config.drain_max_clusters = 1024
miner = TemplateMiner(config=config)
with open(sys.argv[1], encoding="utf-8", errors="replace") as lines:
    for line in lines:
        miner.add_log_message(line.rstrip("\n"))
