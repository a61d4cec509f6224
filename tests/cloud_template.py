"""The stack's template as data, for tests: CloudFormation's short tags are read into their long forms."""

from functools import cache

import yaml

from stratofold.cloud.deploy import template_text


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML with CloudFormation's tags."""


def _construct(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt":
        return {"Fn::GetAtt": value.split(".", 1)}
    return {f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _construct)


@cache
def loaded(text=""):
    return yaml.load(text or template_text(), Loader)  # noqa: S506 -- a safe loader with more tags


def resources(kind=None, text=""):
    found = loaded(text)["Resources"]
    return {name: one for name, one in found.items() if kind is None or one["Type"] == kind}


def statements(role):
    """Every statement of a role, whatever condition it stands under."""
    for policy in role["Properties"]["Policies"]:
        for one in policy["PolicyDocument"]["Statement"]:
            yield one["Fn::If"][1] if "Fn::If" in one else one
