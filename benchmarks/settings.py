"""The product's settings, with the bare views of the API benchmark beside its routes."""

from fleet_manager.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.bare"
