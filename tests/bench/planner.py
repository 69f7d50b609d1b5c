"""Schedules of task graphs whose optimum is known: how near, and how long it takes.

usage: planner.py ESPALIER FILE.dag [--require]

Runs `espalier plan --tasks FILE.dag --json`, checks every schedule against the file by
itself (each task once, one task at a time on a processor, precedence and costs), and prints
the ratios of makespan to optimum.  With --require the figures must hold: mean ratio at most
1.005, none above 1.08, at least 85 % optimal.  Exit status 1 for a wrong schedule or figure.
"""
import json
import subprocess
import sys
import time


def read_graphs(path):
    """Yields (name, processors, optimum or None, {task: weight}, [(from, to, cost)])."""
    with open(path) as lines:
        for line in lines:
            words = line.split()
            if not words:
                continue
            if words[0] == "graph":
                optimum = int(words[5]) if len(words) > 4 else None
                graph = (words[1], int(words[3]), optimum, {}, [])
            elif words[0] == "task":
                graph[3][int(words[1])] = int(words[2])
            elif words[0] == "edge":
                graph[4].append(tuple(map(int, words[1:])))
            else:
                yield graph


def check(graph, found):
    """Raises AssertionError with what is wrong."""
    name, processors, optimum, weight, edges = graph
    assert found["graph"] == name, "another graph"
    rows = found["schedule"]
    where = {task: processor for task, processor, _ in rows}
    start = {task: begin for task, _, begin in rows}
    assert len(rows) == len(weight) and set(where) == set(weight), "not every task once"
    assert all(isinstance(x, int) and x >= 0 for row in rows for x in row), "not whole numbers"
    assert all(p < processors for p in where.values()), "no such processor"
    finish = {task: start[task] + weight[task] for task in weight}
    assert found["makespan"] == max(finish.values(), default=0), "the makespan is another"
    lanes = {}
    for task in weight:
        lanes.setdefault(where[task], []).append((start[task], finish[task]))
    for lane in lanes.values():
        lane.sort()
        for one, two in zip(lane, lane[1:]):
            assert two[0] >= one[1], "two tasks at once on a processor"
    for a, b, cost in edges:
        ready = finish[a] + (cost if where[a] != where[b] else 0)
        assert start[b] >= ready, f"task {b} begins before {a} has reached it"
    assert found["lower_bound"] <= found["makespan"], "below its own bound"
    if optimum is not None:
        assert found["makespan"] >= optimum, "better than the optimum"
        assert found["lower_bound"] <= optimum, "the bound is above the optimum"


def main():
    command, path = sys.argv[1:3]
    ratios, seconds, proved, wrong = [], [], 0, 0
    run = subprocess.Popen([command, "plan", "--tasks", path, "--json"],
                           stdout=subprocess.PIPE, text=True)
    before = time.monotonic()
    for graph in read_graphs(path):
        line = run.stdout.readline()
        now = time.monotonic()
        seconds.append(now - before)
        before = now
        try:
            found = json.loads(line)
            check(graph, found)
        except (AssertionError, ValueError) as fault:
            print(f"{graph[0]}: {fault}")
            wrong += 1
            continue
        proved += found["makespan"] == found["lower_bound"]
        if graph[2]:
            ratios.append(found["makespan"] / graph[2])
            if ratios[-1] > 1:
                print(f"{graph[0]}: {found['makespan']}, optimum {graph[2]}")
    if run.stdout.read() or run.wait() != 0:
        print("the command failed, or said more than there are graphs")
        wrong += 1
    mean, worst = sum(ratios) / len(ratios), max(ratios)
    exact = sum(r == 1 for r in ratios) / len(ratios)
    print(f"{len(ratios)} graphs with a known optimum: mean ratio {mean:.5f}, worst {worst:.4f}, "
          f"optimal {100 * exact:.1f} %")
    print(f"proved by its own bound: {100 * proved / len(seconds):.1f} %; "
          f"seconds a graph: mean {sum(seconds) / len(seconds):.2f}, slowest {max(seconds):.2f}")
    if "--require" in sys.argv:
        wrong += not (mean <= 1.005 and worst <= 1.08 and exact >= 0.85)
    return 1 if wrong else 0


sys.exit(main())
