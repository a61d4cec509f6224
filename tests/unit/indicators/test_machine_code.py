"""All indicators in machine code, on bars with a split, a halt, a NaN and an infinity: the same bits as interpreted."""

import math
from array import array

import pytest

from stratofold import indicators

pytest.importorskip("llvmlite")


class Notes:
    """Every result, in the order in which it came."""

    def __init__(self, room):
        self.results = array("d", [0.0]) * room
        self.count = 0

    def note(self, result):
        self.results[self.count] = result
        self.count += 1


class Everything:
    """One of each indicator."""

    def __init__(self):
        self.sma = indicators.SMA(5)
        self.ema = indicators.EMA(5)
        self.wma = indicators.WMA(5)
        self.dema = indicators.DEMA(5)
        self.tema = indicators.TEMA(5)
        self.kama = indicators.KAMA(5)
        self.rsi = indicators.RSI(5)
        self.macd = indicators.MACD(3, 6, 4)
        self.bbands = indicators.BBANDS(5)
        self.roc = indicators.ROC(5)
        self.mom = indicators.MOM(5)
        self.sum = indicators.SUM(5)
        self.var = indicators.VAR(5)
        self.stddev = indicators.STDDEV(5)
        self.score = indicators.ZScore(5)
        self.min = indicators.MIN(5)
        self.max = indicators.MAX(5)
        self.median = indicators.Median(5)
        self.quantile = indicators.Quantile(6, 0.3)
        self.ewm_mean = indicators.EwmMean(0.2)
        self.ewm_variance = indicators.EwmVariance(0.2)
        self.drawdown = indicators.Drawdown()
        self.line = indicators.LINEARREG(5)
        self.correlation = indicators.CORREL(5)
        self.beta = indicators.BETA(5)
        self.regression = indicators.RollingRegression(5)
        self.donchian = indicators.Donchian(5)
        self.hedge = indicators.KalmanHedgeRatio()
        self.fit = indicators.LinearRegression(0.9)
        self.obv = indicators.OBV()
        self.trange = indicators.TRANGE()
        self.atr = indicators.ATR(5)
        self.natr = indicators.NATR(5)
        self.adx = indicators.ADX(5)
        self.stoch = indicators.STOCH()
        self.cci = indicators.CCI(5)
        self.willr = indicators.WILLR(5)
        self.keltner = indicators.Keltner(7, 5)
        self.mfi = indicators.MFI(5)
        self.vwap = indicators.VWAP()
        self.rolling_vwap = indicators.RollingVWAP(5)

    def hear_close(self, notes, close):
        notes.note(self.sma.update(close))
        notes.note(self.ema.update(close))
        notes.note(self.wma.update(close))
        notes.note(self.dema.update(close))
        notes.note(self.tema.update(close))
        notes.note(self.kama.update(close))
        notes.note(self.rsi.update(close))
        notes.note(self.macd.update(close))
        notes.note(self.macd.histogram)
        notes.note(self.bbands.update(close))
        notes.note(self.bbands.upper)
        notes.note(self.roc.update(close))
        notes.note(self.mom.update(close))
        notes.note(self.sum.update(close))
        notes.note(self.var.update(close))
        notes.note(self.stddev.update(close))
        notes.note(self.score.update(close))
        notes.note(self.min.update(close))
        notes.note(self.max.update(close))
        notes.note(self.median.update(close))
        notes.note(self.quantile.update(close))
        notes.note(self.ewm_mean.update(close))
        notes.note(self.ewm_variance.update(close))
        notes.note(self.drawdown.update(close))
        notes.note(self.line.update(close))
        notes.note(self.line.slope)

    def hear_pair(self, notes, close, other):
        notes.note(self.correlation.update(close, other))
        notes.note(self.beta.update(close, other))
        notes.note(self.regression.update(close, other))
        notes.note(self.regression.r_squared)
        notes.note(self.hedge.update(close, other))
        notes.note(self.hedge.score)
        notes.note(self.fit.update(close, other))
        notes.note(self.fit.predict(other))

    def hear_bar(self, notes, high, low, close, volume):
        notes.note(self.donchian.update(high, low))
        notes.note(self.trange.update(high, low, close))
        notes.note(self.atr.update(high, low, close))
        notes.note(self.natr.update(high, low, close))
        notes.note(self.adx.update(high, low, close))
        notes.note(self.adx.plus_di)
        notes.note(self.stoch.update(high, low, close))
        notes.note(self.stoch.slow_d)
        notes.note(self.cci.update(high, low, close))
        notes.note(self.willr.update(high, low, close))
        notes.note(self.keltner.update(high, low, close))
        notes.note(self.keltner.upper)
        notes.note(self.obv.update(close, volume))
        notes.note(self.mfi.update(high, low, close, volume))
        notes.note(self.rolling_vwap.update(high, low, close, volume))


class Columns:
    """The bars."""

    def __init__(self, bars):
        self.open = array("d", bars["open"])
        self.high = array("d", bars["high"])
        self.low = array("d", bars["low"])
        self.close = array("d", bars["close"])
        self.volume = array("d", bars["volume"])


def run(engine, strategy, feed, stop):
    for row in range(stop):
        strategy.hear_close(engine, feed.close[row])
        strategy.hear_pair(engine, feed.close[row], feed.open[row])
        strategy.hear_bar(engine, feed.high[row], feed.low[row], feed.close[row], feed.volume[row])
        engine.note(strategy.vwap.update(feed.high[row], feed.low[row], feed.close[row], feed.volume[row], row // 78))
    return engine.count


def spoilt(walks):
    """The usual bars in which two values are no numbers and the last stretch is on no decimal grid."""
    columns = {name: column.copy() for name, column in walks["usual"].items()}
    columns["close"][150] = math.nan
    columns["high"][210] = math.inf
    for name in ("open", "high", "low", "close"):
        columns[name][550:] *= math.pi / 3.0
    return Columns(columns)


def test_machine_code_gives_the_same_bits(walks):
    from stratofold.kernel import loader
    from stratofold.kernel.compile import Kernel, compile_file
    from stratofold.kernel.layout import Survey
    from stratofold.kernel.sources import source_hash

    feed, room = spoilt(walks), 50 * 700
    interpreted = [Notes(room), Everything(), feed]
    count = run(*interpreted, 700)
    compiled = [Notes(room), Everything(), feed]
    source, _ = source_hash([layout.cls for layout in Survey(compiled, {2}, set()).layouts])
    file = compile_file(run, compiled, source, "native", None)
    program = Kernel(file, loader.load(file)).bind(*compiled)
    assert program.run(700) == (0, count)
    program.unpack()
    bits = [[value.hex() for value in notes.results] for notes in (interpreted[0], compiled[0])]
    assert count == room
    assert bits[0] == bits[1]
    assert state(interpreted[1]) == state(compiled[1])


def state(thing):
    """Every number an object holds, in order."""
    found = []
    for name, value in sorted(vars(thing).items()):
        if isinstance(value, array):
            found += [name, *(float(one).hex() for one in value)]
        elif hasattr(value, "__dict__"):
            found += [name, *state(value)]
        else:
            found += [name, float(value).hex()]
    return found
