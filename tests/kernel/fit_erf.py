"""Prints the coefficients of erf and GELU in src/kernel/vector_math.c, lowest first.

Least maximum of the weighted error by Lawson's iteration, in double.
usage: fit_erf.py
"""
import math

import numpy as np
from numpy.polynomial import chebyshev, polynomial


def fit(function, low, high, degree, weight):
    points = 800
    t = np.cos(np.pi * (np.arange(points) + 0.5) / points)
    x = (low + high) / 2 + (high - low) / 2 * t
    y, w = np.array([function(v) for v in x]), np.array([weight(v) for v in x])
    lawson = np.ones(points)
    for _ in range(200):
        series = chebyshev.chebfit(t, y, degree, w=w * np.sqrt(lawson))
        error = np.abs(chebyshev.chebval(t, series) - y) * w
        lawson *= error / error.max() + 1e-3
        lawson /= lawson.max()
    line = [-(low + high) / (high - low), 2 / (high - low)]
    powers = np.zeros(1)
    for coefficient in chebyshev.cheb2poly(series)[::-1]:
        powers = polynomial.polyadd(polynomial.polymul(powers, line), [coefficient])
    return powers, error.max()


def near(square):  # erf(x) / x - 1
    x = math.sqrt(square)
    return math.erf(x) / x - 1


def far(a):
    return math.log(math.erfc(a))


def tail(a):  # of the normal distribution, beyond a
    return math.log2(math.erfc(a / math.sqrt(2)) / 2)


for name, made in (("near", fit(near, 1e-12, 0.95**2, 6, lambda s: 1)),
                   ("far", fit(far, 0.9, 9.4, 10, lambda a: math.erfc(a) / 0.2 + 0.003)),
                   ("tail below 3", fit(tail, 0, 3, 8, lambda a: 2 ** tail(a) * max(a, 1) + 1e-3)),
                   ("tail from 3 on, around 6",
                    fit(lambda t: tail(t + 6), -3, 6.9, 8,
                        lambda t: 2 ** tail(t + 6) * (t + 6) * 3e3 + 1)),
                   ("power", fit(lambda r: 2 ** r, -0.5, 0.5, 6, lambda r: 1))):
    print(name, "largest weighted error %.2g" % made[1])
    print("\n".join("  %.8e" % c for c in made[0]))
