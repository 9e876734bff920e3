"""What a simulator reads from files: its script, authorities and keys."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from mcmtpush.simulator.certificates import KEY_ID, TEAM_ID, make_development_key
from mcmtpush.simulator.provider.identity import Authority
from mcmtpush.simulator.provider.trust import ProviderKey, read_key
from mcmtpush.simulator.reader import read_script
from mcmtpush.simulator.script import Script


def load_script(path: str | None, seed: int | None) -> Script:
    """The script in a file, or the one that makes no faults.

    `seed` replaces the script's own.  Raises OSError and `ConfigErrors`.
    """
    script = Script() if path is None else read_script(Path(path).read_bytes(), path)
    return script if seed is None else evolve(script, seed=seed)


def read_authority(path: str | None) -> Authority | None:
    """Who signs clients' certificates; raises OSError and `ConfigError`."""
    return None if path is None else Authority(Path(path).read_bytes(), path)


def read_development_key(folder: str) -> ProviderKey:
    """The key of the development folder, made if there is none; raises OSError."""
    path = make_development_key(folder)
    return read_key(Path(path).read_bytes(), KEY_ID, TEAM_ID, None, path)
