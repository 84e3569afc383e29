"""What a finished trial has measured."""

import json
import pathlib


def values(folder: pathlib.Path) -> dict[str, float]:
    """Return the effect of each claim of a finished run, by its id."""
    claims = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    return {
        claim["id"]: float(claim["effect"])
        for claim in claims
        if claim.get("effect") is not None
    }
