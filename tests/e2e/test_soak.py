# SPDX-License-Identifier: Apache-2.0
"""A long mixed load, for half a minute; RBL_SOAK_HOURS makes it longer, and is what `make soak` does."""

import os
import time

import soak
from harness import main, scene

HOURS = os.environ.get("RBL_SOAK_HOURS")
SECONDS = float(HOURS) * 3600 if HOURS else 12
SEED = int(os.environ.get("RBL_SEED") or (time.time() if HOURS else 20261128))


@scene
def mixed_load(world):
    soak.play(world, SECONDS, SEED)


main()
