"""The same rolling deployment in SimPy, to compare speed and results with crates/rollout.

ECS behind a load balancer: minimum 50 %, maximum 200 %, checks every 15 s, unhealthy after three
failures, healthy again after two successes, 20 s to launch, 30 s to drain, 5 s to stop, a circuit
breaker without rollback, an unhealthy task is stopped first.
"""

import math
import random
import sys
import time

import simpy

INTERVAL, UNHEALTHY, HEALTHY, LAUNCH, DRAIN, STOP = 15.0, 3, 2, 20.0, 30.0, 5.0


class Rollout:
    def __init__(self, desired, grace, seed):
        self.env = simpy.Environment()
        self.random = random.Random(seed)
        self.desired, self.grace = desired, grace
        self.least, self.most = math.ceil(desired / 2), desired * 2
        self.threshold = max(3, math.ceil(desired / 2))
        self.old, self.new, self.total = desired, 0, desired
        self.healthy, self.failed = 0, 0
        self.done = self.env.event()
        self.step()

    def step(self):
        """One pass of the scheduler."""
        spare = self.old + self.healthy - self.least
        for _ in range(min(self.old, max(0, spare))):
            self.old -= 1
            self.env.process(self.stop())
        while self.new < self.desired and self.total < self.most:
            self.new += 1
            self.total += 1
            self.env.process(self.task())
        if self.old == 0 and self.healthy == self.desired == self.total and not self.done.triggered:
            self.done.succeed("completed")

    def stop(self):
        yield self.env.timeout(DRAIN + STOP)
        self.total -= 1
        self.step()

    def task(self):
        yield self.env.timeout(LAUNCH)
        begin = self.env.now
        startup = 150.0 * math.exp(0.15 * max(-3.09, min(3.09, self.random.gauss(0.0, 1.0))))
        yield self.env.timeout(self.random.random() * INTERVAL)
        streak, unhealthy = 0, False
        while True:
            passes = self.env.now - begin >= startup
            if passes:
                streak = streak + 1 if streak > 0 else 1
                if not unhealthy or streak >= HEALTHY:
                    break
            else:
                streak = streak - 1 if streak < 0 else -1
                unhealthy = unhealthy or -streak >= UNHEALTHY
            left = begin + self.grace - self.env.now
            if unhealthy and left <= 0:
                return self.fail()
            if unhealthy and left < INTERVAL:
                yield self.env.timeout(left)
                return self.fail()
            yield self.env.timeout(INTERVAL)
        self.failed = 0
        self.healthy += 1
        self.step()

    def fail(self):
        self.new -= 1
        self.failed += 1
        self.env.process(self.stop())
        if self.failed >= self.threshold:
            if not self.done.triggered:
                self.done.succeed("circuit-breaker")
            return
        self.step()


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for desired, runs in ((2, 3000), (10, 600)):
        for name, grace in (("fails", 15.0), ("completes", 300.0)):
            runs_here, total = max(1, int(runs * scale)), 0.0
            begin = time.perf_counter()
            for seed in range(runs_here):
                rollout = Rollout(desired, grace, seed)
                rollout.env.run(until=rollout.done)
                total += rollout.env.now
            rate = runs_here / (time.perf_counter() - begin)
            print(f"peer N={desired} {name}: {rate:.0f} rollouts/s, mean end {total / runs_here:.1f} s")


main()
