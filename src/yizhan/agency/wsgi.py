"""The desk as a WSGI application, for granian and the tests."""

from __future__ import annotations

import multiprocessing
import os

from django.core.wsgi import get_wsgi_application

from yizhan.agency.running import end_with

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yizhan.agency.settings")
application = get_wsgi_application()

# granian's own workers do not notice that it was killed, and would keep the port.
if (_server := multiprocessing.parent_process()) is not None:
    _alive = _server.is_alive
    end_with(lambda: not _alive(), lambda: os._exit(0))
