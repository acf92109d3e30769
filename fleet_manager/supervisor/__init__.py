"""Starts, watches, restarts and stops every process of an installation. Plain Python: no Django in here."""
