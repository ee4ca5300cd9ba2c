"""dr keeps nothing in the database.

The file is here because Django sends `pre_migrate`, which `hook` waits for, only to apps that have one.
"""
