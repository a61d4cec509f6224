"""Writes the generated parts of `cloud/template.yaml`: roles from `cloud/permissions.py`, weekdays from `cloud/clock.py`.

`--check` only says whether they are current.
"""

import sys
from pathlib import Path

from stratofold.cloud.clock import WARM_BEGIN, WARM_END, between, provisioned_weekdays, weekdays
from stratofold.cloud.permissions import roles_text

TEMPLATE = Path(__file__).parents[1] / "src" / "stratofold" / "cloud" / "template.yaml"


def generated(template: str) -> str:
    template = between(template, roles_text(), "  # roles: begin\n", "  # roles: end\n")
    template = between(template, provisioned_weekdays(), WARM_BEGIN, WARM_END)
    return between(template, weekdays())


if __name__ == "__main__":
    text = TEMPLATE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(0 if generated(text) == text else f"{TEMPLATE} is not current: python scripts/cloud_template.py")
    TEMPLATE.write_text(generated(text), encoding="utf-8")
