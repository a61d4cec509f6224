"""The cloud on one machine takes up what is deployed once, whoever looks and however many at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from stratofold.cloud.local import cloud as local
from stratofold.cloud.local.cloud import LocalCloud
from stratofold.cloud.local.mapping import Mapping

ARN = "arn:aws:sqs:eu-central-1:000000000000:q"


def test_a_source_has_one_reader_however_many_look_at_once(monkeypatch):
    here, read = LocalCloud(), []

    def found(_):
        time.sleep(0.01)  # as long as asking takes
        return [Mapping("one", "f", ARN, 10)]

    def poll(source, wake):
        read.append((source, wake))

    monkeypatch.setattr(local, "mappings", found)
    monkeypatch.setattr(here, "_aws", None, raising=False)
    monkeypatch.setattr(here, "_poll", poll)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: here.look(), range(8)))
    assert [source.identity for source, _ in read] == ["one"]
    monkeypatch.setattr(local, "mappings", lambda _: [])
    here.look()
    assert read[0][1].ended  # it was taken away
    assert not [one for one in threading.enumerate() if one.name == "mappings"]
    here._door.close()
    here._scratch.cleanup()
