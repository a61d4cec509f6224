"""The table of orders that are not done: whichever are, each is found where it lies."""

from random import Random

from stratofold.fold.order import Order, Orders


def test_an_order_is_found_wherever_it_lies_and_no_other_is():
    chance = Random(21)
    table, number = Orders(Order, 4), 0
    for _ in range(500):
        if len(table) and chance.random() < 0.5:
            table.remove(chance.randrange(len(table)))
        else:
            number += chance.choice((1, 1, 1, 3))
            table.add(number)
        there = [order.number for order in table]
        assert there == sorted(there)
        for asked in range(number + 2):
            assert table.index(asked) == (there.index(asked) if asked in there else -1)
            if asked in there:
                assert table.at(there.index(asked)) is table[there.index(asked)]
