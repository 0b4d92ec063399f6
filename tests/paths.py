"""Legs on the path that a run is about: ``STS_FAST_PATH=off`` makes it the plain one."""

import os
from functools import partial

from trio_sts.legs.asterisk import AsteriskLeg
from trio_sts.legs.caller import CallerLeg
from trio_sts.legs.endpoint import Endpoint

FAST_PATH = os.environ.get("STS_FAST_PATH", "on")
_FAST = FAST_PATH != "off"

an_endpoint = partial(Endpoint, fast_path=_FAST)
accept_leg = partial(CallerLeg.accept, fast=_FAST)
accept_asterisk = partial(AsteriskLeg.accept, fast=_FAST)
