"""The clock of measure.h, for PyTorch's side."""
import time

import torch


def seconds_per_call(budget, body):
    """Lower quartile of the samples taken in `budget` seconds; a sample is as many calls as last at
    least 10 ms, of processor time with one thread and of the wall with more."""
    now = time.process_time if torch.get_num_threads() == 1 else time.monotonic

    def sample():
        begin = now()
        for _ in range(calls):
            body()
        return now() - begin

    calls = 1
    for _ in range(3):  # a trace is compiled in its first calls
        sample()
    while sample() < 0.01:
        calls *= 2
    samples = []
    end = time.monotonic() + budget
    while time.monotonic() < end or len(samples) < 5:
        samples.append(sample() / calls)
    return sorted(samples)[len(samples) // 4]


def endless(items):
    while True:
        yield from items


def peak_mb():
    """The most memory that this process has held."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM:"))
