"""Runs ONNX's backend suite (Debian's libonnx-testdata) and prints the table.

usage: suite.py ESPALIER EXPECTED [--write]

A case that passed before (EXPECTED lists them) must pass; nothing may crash.
"""
import collections
import glob
import json
import os
import subprocess
import sys

# Cases that cannot pass, and why.  They are run and counted all the same.
RANDOM = "draws random numbers: shape, type and distribution are tested in op.random"
CANNOT = {
    "node/test_adam_multiple":
        "its figures were made with epsilon = 0.01, which its node does not say: 1e-6 is meant",
    **{"node/test_bernoulli" + kind: RANDOM
       for kind in ("", "_expanded", "_double", "_double_expanded", "_seed", "_seed_expanded")},
}
DATA = "/usr/share/libonnx-testdata/data"
GROUPS = ("node", "simple", "pytorch-operator", "pytorch-converted")


def main():
    espalier, expected = sys.argv[1:3]
    if not os.path.isdir(DATA):
        print("skipped: libonnx-testdata is not installed")
        return 77
    table, passed, failed = {}, set(), []
    for group in GROUPS:
        cases = sorted(glob.glob(f"{DATA}/{group}/*/"))
        done = subprocess.run([espalier, "verify", *cases], capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if len(lines) != len(cases):
            print(f"{group}: ended after {len(lines)} of {len(cases)} cases: {done.stderr}")
            return 1
        table[group] = collections.Counter(line["status"] for line in lines)
        for line in lines:
            name = f"{group}/{os.path.basename(line['case'].rstrip('/'))}"
            if line["status"] == "pass":
                passed.add(name)
            elif line["status"] == "fail":
                failed.append(f"{name}: {line['reason']}")
    kinds = ("pass", "fail", "unsupported", "error")
    print(f"{'':20}" + "".join(f"{kind:>13}" for kind in kinds))
    for group, counts in table.items():
        print(f"{group:20}" + "".join(f"{counts[kind]:13}" for kind in kinds))
    print("\n".join(failed))
    for name, why in CANNOT.items():
        print(f"{name}: {why}")
    if "--write" in sys.argv:
        open(expected, "w").write("\n".join(sorted(passed)) + "\n")
    lost = set(open(expected).read().split()) - passed
    for name in sorted(lost):
        print("passed before:", name)
    unexplained = [line for line in failed if line.split(":")[0] not in CANNOT]
    for line in unexplained:
        print("without a reason:", line)
    return 1 if lost or unexplained else 0


sys.exit(main())
