"""The project itself, and the commands as Django sees them."""

from __future__ import annotations

from django.core.management import call_command, get_commands, load_command_class

from conftest import Polling


def test_the_models_are_as_the_migrations_leave_them(polling: Polling) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_command_is_there_and_has_help() -> None:
    ours = {name for name, app in get_commands().items() if app == "dr.django"}
    assert ours == {"dr_backup", "dr_extract", "dr_list", "dr_restore", "dr_show", "dr_verify"}
    for name in ours:
        command = load_command_class("dr.django", name)
        assert command.help
        # An operator must not be stopped by a check of some other app.
        assert command.requires_system_checks == []
        text = command.create_parser("manage.py", name).format_help()
        for word in ("--database", "--repo", "--json", "--verbosity", "--no-color"):
            assert word in text, (name, word)
