"""dr in a Django project: `INSTALLED_APPS += ["dr.django"]` and a `DR` setting.

The management commands `dr_backup`, `dr_list`, `dr_show`, `dr_verify`, `dr_restore` and `dr_extract` are
thin: what they do is in `dr.django.verbs`, for code that wants the same without a command line. The
guide is `docs/django.md`.
"""
