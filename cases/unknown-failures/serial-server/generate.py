"""Writes requests.log: one night of a database process that takes requests one by one.

The queue is computed, not drawn: a request begins when it has arrived and the one before it is done.
Arrivals come from a small fixed generator of numbers, so that every run writes the same bytes.
"""

import datetime
import sys

NIGHT = datetime.datetime(2022, 4, 18, 2, 50, tzinfo=datetime.timezone.utc)


def numbers(seed):
    """The minimal standard generator of Park and Miller, in [0, 1)."""
    while True:
        seed = seed * 48271 % 2147483647
        yield seed / 2147483647


def arrivals():
    draw = numbers(20220418)
    # Dashboards of a few customers, all night long: light, every two seconds on average.
    at = 0.0
    while at < 40 * 60:
        at += 4 * next(draw)
        client = f"10.0.1.{11 + int(next(draw) * 5)}"
        panel = ("latest", "today", "alarms")[int(next(draw) * 3)]
        yield at, client, f"select last value by meter from {panel} where site=`S{int(next(draw) * 40):02d}", 0.030
    # Something small checks once per minute whether the process answers.
    for minute in range(40):
        yield minute * 60 + 7.5, "10.0.0.5", "1+1", 0.001
    # At three, a contractor copies a month of readings: 480 meters, one request for each, eight at a
    # time, though the interface takes a list of meters.
    for meter in range(480):
        yield 600 + (meter // 8) * 3.2, "10.0.9.20", (
            f"select from readings where date within 2022.03.01 2022.03.31, meter=`M{meter:04d}"
        ), 0.380


def main():
    done = 0.0
    lines = []
    for at, client, query, service in sorted(arrivals()):
        done = max(at, done) + service
        lines.append((at, done, client, query))
    with open(sys.argv[1] if len(sys.argv) > 1 else "requests.log", "w") as log:
        for at, end, client, query in lines:
            time = (NIGHT + datetime.timedelta(seconds=at)).isoformat(timespec="milliseconds")
            log.write(f"{time} {client} {query} {round((end - at) * 1000)}ms\n")


main()
