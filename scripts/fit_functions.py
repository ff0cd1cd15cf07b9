#!/usr/bin/env python3
"""Finds the coefficients of Sources/DenpaKernels/ErrorFunction.swift and prints them.

usage: scripts/fit_functions.py      (needs mpmath)

Least squares with Lawson's weights (1961) on Chebyshev points, in 80 digits, minimizes the largest relative
error. Coefficients are printed in order of rising powers.
"""

from mpmath import cos, erf, erfc, exp, fdot, fsum, log, lu_solve, matrix, mp, mpf, nstr, pi, sqrt

mp.dps = 80

# A small shift keeps the polynomial's terms small; a large one keeps its degree small.
SHIFT = mpf("3.375")


def fit(f, points, degree):
    """Returns the best polynomial and its largest relative error on the points."""
    values = [f(x) for x in points]
    columns = [[x**j / v for x, v in zip(points, values)] for j in range(degree + 1)]
    weights = [mpf(1)] * len(points)
    best = None
    for _ in range(40):
        a, b = matrix(degree + 1, degree + 1), matrix(degree + 1, 1)
        for i in range(degree + 1):
            weighted = [w * c for w, c in zip(weights, columns[i])]
            b[i] = fsum(weighted)
            for j in range(i, degree + 1):
                a[i, j] = a[j, i] = fdot(weighted, columns[j])
        coefficients = list(lu_solve(a, b))
        errors = [abs(fdot(coefficients, row) - 1) for row in zip(*columns)]
        worst = max(errors)
        if best is None or worst < best[1]:
            best = coefficients, worst
        weights = [w * (e / worst + mpf("1e-3")) for w, e in zip(weights, errors)]
        weights = [w / max(weights) for w in weights]
    return best


def chebyshev(low, high, count):
    return [low + (high - low) * (1 - cos(pi * (i + mpf("0.5")) / count)) / 2 for i in range(count)]


def tail(v):
    """(t + SHIFT)·e^(t²/2) times the probability that a normal random number exceeds t, where
    v = (SHIFT − t)/(SHIFT + t)."""
    t = SHIFT * (1 - v) / (1 + v)
    return (t + SHIFT) * exp(t * t / 2) * erfc(t / sqrt(2)) / 2


def slope(z):
    """erf √z / √z."""
    return erf(sqrt(z)) / sqrt(z)


def show(name, f, low, high, degree, digits, less=0):
    coefficients, worst = fit(f, chebyshev(mpf(low), mpf(high), 3 * degree + 30), degree)
    coefficients[0] -= less
    print(f"{name}, degree {degree}: relative error 2^{nstr(log(worst, 2), 3)}")
    for c in coefficients:
        print("   ", nstr(c, digits))


def main():
    for dtype, digits, limit, tail_degree, slope_degree in ("float32", 10, 14.7, 10, 6), ("float64", 20, 38.9, 24, 11):
        show(f"{dtype} tailPolynomial", tail, (SHIFT - limit) / (SHIFT + limit), 1, tail_degree, digits)
        show(f"{dtype} erfPolynomial", slope, 0, 1, slope_degree, digits, less=1)


if __name__ == "__main__":
    main()
