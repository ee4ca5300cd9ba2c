"""No pages: the tests use the models."""

from __future__ import annotations

urlpatterns: list[object] = []
