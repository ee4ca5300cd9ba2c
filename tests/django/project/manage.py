#!/usr/bin/env python
"""The polling project's command line, as `django-admin startproject` makes it."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polling.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
