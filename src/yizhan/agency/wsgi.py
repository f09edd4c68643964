"""The desk as a WSGI application, for granian and the tests."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import suppress

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from yizhan.agency.running import end_with
from yizhan.engine.settlement import resolver_of
from yizhan.errors import Problems
from yizhan.policy.areas import load_schemes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yizhan.agency.settings")
application = get_wsgi_application()

# Everything is read before the first request comes. Several clerks who settled at once in a process that had just begun
# each read the policies under a lock on a person, for longer than such a lock may be held (settling.IDLE_SECONDS).
resolve("/")
with suppress(Problems):  # of a mistake in the policies, the pages that need them tell
    for scheme in load_schemes():
        resolver_of(scheme)

# granian's own workers do not notice that it was killed, and would keep the port.
if (_server := multiprocessing.parent_process()) is not None:
    _alive = _server.is_alive
    end_with(lambda: not _alive(), lambda: os._exit(0))
