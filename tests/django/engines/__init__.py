"""Database engines built on Django's, as packages bring them."""
