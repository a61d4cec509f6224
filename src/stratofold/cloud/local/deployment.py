"""The real template, deployed to the cloud on this machine.

What comes in: a local cloud, a strategy, parameters of the template, secrets.  What goes out: what the stack says of itself.
Why it is shaped so: it is `stratofold deploy`, with another address: the same package, change set and template.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stratofold.adapters.aws.secrets import Secrets
from stratofold.cloud.deploy import Wanted, carry_out, prepare
from stratofold.cloud.local.emulator import ARCHITECTURE, REGION
from stratofold.cloud.stack import Stack, local_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.cloud.local.cloud import LocalCloud


def deploy(
    cloud: LocalCloud,
    strategy: str,
    name: str = "local",
    parameters: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    extra: Sequence[str] = (),
) -> dict[str, str]:
    """Deploy a stack, or change it; its outputs, with addresses of this machine.  Raises what `stratofold deploy` does."""
    given = dict(parameters or {})
    kept = Secrets(cloud.client(), f"{given.get('SecretStore', 'ssm')}:/{name}/")
    for secret, value in (secrets or {}).items():
        kept.put(secret, value)
    with _surrounded(cloud.environment()):
        stack = Stack(name, REGION)
        wanted = Wanted(strategy, given, architecture=ARCHITECTURE, extra=extra, ignore_drift=True)
        outputs = carry_out(stack, prepare(stack, wanted)).outputs
    cloud.look()
    cloud.schedules.look()
    return {key: local_address(cloud.url, value) for key, value in outputs.items()}


@contextmanager
def _surrounded(variables: Mapping[str, str]) -> Iterator[None]:
    """The SDK finds the services by the process's environment alone."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
