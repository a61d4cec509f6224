"""Logs: rows written side by side, columns read back, tables that are lengthened."""

import pytest

from stratofold.fold.log import EquityLog, FillLog, Logs, OrderLog
from stratofold.fold.order import Order


def written(count, capacity):
    """A log of fills whose row `k` holds numbers made of k."""
    log = FillLog(capacity) if capacity else Logs(0).fills
    for k in range(count):
        log.add(1000 + k, k, k % 3, 1 - 2 * (k % 2), k + 0.5, 100.0 + k, k / 100, k % 2 == 0, float(-k))
    return log


@pytest.mark.parametrize("capacity", [1, 2, 7, 64])
def test_columns_are_the_rows_whatever_room_there_was(capacity):
    log = written(50, capacity)
    rows = range(50)
    assert log.count == 50
    assert list(log.column("time")) == [1000 + k for k in rows]
    assert list(log.column("number")) == list(rows)
    assert list(log.column("symbol")) == [k % 3 for k in rows]
    assert list(log.column("side")) == [1 - 2 * (k % 2) for k in rows]
    assert list(log.column("maker")) == [1 - k % 2 for k in rows]
    assert list(log.column("quantity")) == [k + 0.5 for k in rows]
    assert list(log.column("price")) == [100.0 + k for k in rows]
    assert list(log.column("fee")) == [k / 100 for k in rows]
    assert list(log.column("position")) == [float(-k) for k in rows]


def test_a_column_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="not in tuple"):
        FillLog(1).column("colour")


def test_a_log_is_crowded_past_seven_eighths_and_has_room_after():
    logs = Logs(16)
    for _ in range(14):
        logs.orders.add(Order(), 1)
    assert not logs.crowded
    logs.orders.add(Order(), 1)
    assert logs.crowded
    logs.make_room()
    assert not logs.crowded
    assert (logs.orders.count, logs.orders.room, logs.fills.room) == (15, 64, 16)


def test_a_log_without_room_counts_what_it_is_given_and_keeps_nothing():
    log = written(50, 0)
    assert (log.count, log.crowded, len(log.column("time")), len(log.reals)) == (50, False, 0, 0)


def test_an_order_is_written_as_it_is():
    log, order = OrderLog(4), Order()
    order.number, order.symbol, order.side, order.kind, order.quantity, order.filled = 7, 2, -1, 3, 30.0, 20.0
    order.filled_value, order.limit, order.decided, order.state = 2010.0, 101.25, 5, 6
    log.add(order, 9)
    found = {name: log.column(name)[0] for name in (*log.WHOLES, *log.REALS)}
    for name in ("number", "symbol", "side", "kind", "quantity", "filled", "limit", "decided", "state"):
        assert found[name] == getattr(order, name), name
    assert (found["done"], found["average_price"]) == (9, 100.5)


def test_equity_that_nobody_reads_is_not_written():
    log = EquityLog(1)
    log.add(1, 100.0, 60.0, 40.0)
    log.is_kept = False
    for time in range(2, 9):
        log.add(time, 100.0, 60.0, 40.0)
    assert (log.count, list(log.column("time")), log.room) == (1, [1], 1)
    assert log.written().count == 1
