"""What a project may listen to. Sent by `verbs`, whoever called them: a command, a task, a hook.

A receiver that raises does not undo a backup or a restore: Django logs it to `django.dispatch`. The
sender is `dr.django.apps.DrConfig`.
"""

from __future__ import annotations

from django.dispatch import Signal

#: A backup is committed: `alias`, `receipt`.
backup_finished = Signal()

#: There is no backup: `alias`, `label`, `error`.
backup_failed = Signal()

#: A database is restored and proven: `alias`, `database`, `backup`, `report`.
restore_finished = Signal()

#: A database is not restored, or not what was dumped: `alias`, `database`, `backup`, `error`.
restore_failed = Signal()
