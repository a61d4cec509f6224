"""Tells people through topics of SNS: whoever subscribed hears it, by mail, message, or another program.

What comes in: an alert.  What goes out: the names of the channels that did not take it.
Why it is shaped so: a channel is a topic.  What SNS has taken it delivers and tries again for hours, so a channel counts as told
then; what makes two alerts the same, and how loud they are, goes along as attributes, by which a subscriber may choose.

Source: SNS API reference, Publish (a subject is ASCII, one line, and under a hundred characters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.alert_text import text_of
from stratofold.adapters.aws.answers import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.ports import Alert

SUBJECT_CHARACTERS_MAX = 99
DEFAULT = "topic"


class Notifier:
    """See `ports.Notifier`."""

    def __init__(self, aws: Client, topics: str | Mapping[str, str]) -> None:
        """Tell topics (ARNs) by the names of channels, or one that goes by the name of "topic"."""
        self._aws = aws
        self._topics = {DEFAULT: topics} if isinstance(topics, str) else dict(topics)

    def __repr__(self) -> str:
        """The channels."""
        return f"Notifier({list(self._topics)})"

    async def notify(self, alert: Alert, only: Sequence[str] = ()) -> list[str]:
        """See `ports.Notifier`; the request is made in a thread, so that whoever else waits goes on."""
        import asyncio

        return await asyncio.to_thread(self.tell, alert, only)

    def tell(self, alert: Alert, only: Sequence[str] = ()) -> list[str]:
        """The same for code that waits."""
        wanted = {name: topic for name, topic in self._topics.items() if not only or name in only}
        return [name for name, topic in wanted.items() if not self._told(topic, alert)]

    def _told(self, topic: str, alert: Alert) -> bool:
        """Whether the topic took it; once more when nobody knows, since hearing twice is better than not at all."""
        fields = {
            "TopicArn": topic,
            "Subject": _subject(alert.title),
            "Message": text_of(alert),
            **_attribute(1, "key", alert.key),
            **_attribute(2, "level", alert.level),
        }
        for _ in range(2):
            try:
                self._aws.query("sns", "Publish", fields)
            except AwsError as error:
                if not error.unknown:
                    return False
            else:
                return True
        return False


def _subject(title: str) -> str:
    """A title as SNS takes it."""
    plain = "".join(letter if letter.isprintable() else " " for letter in title).encode("ascii", "replace").decode()
    return " ".join(plain.split())[:SUBJECT_CHARACTERS_MAX] or "stratofold"


def _attribute(number: int, name: str, value: str) -> dict[str, str]:
    """One attribute of a message, as forms say it."""
    place = f"MessageAttributes.entry.{number}"
    return {f"{place}.Name": name, f"{place}.Value.DataType": "String", f"{place}.Value.StringValue": value or "-"}
