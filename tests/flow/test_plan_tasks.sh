# plan --tasks: what it prints, and what it refuses with which exit status.
. "$(dirname "$0")/lib.sh"
cat >"$work/two.dag" <<'DAG'
graph fork processors 2 optimum 9
task 10 3
task 20 4
task 30 6
edge 10 20 1
edge 10 30 5
end
graph alone processors 3
task 1 5
end
DAG
"$espalier" plan --tasks "$work/two.dag" --json >"$work/lines" || fail "two graphs"
/usr/bin/python3 - "$work/lines" <<'P' || fail "the lines"
import json, sys
fork, alone = [json.loads(line) for line in open(sys.argv[1])]
assert fork["graph"] == "fork" and fork["makespan"] == 9 and fork["lower_bound"] == 9, fork
assert sorted(task for task, _, _ in fork["schedule"]) == [10, 20, 30]
assert alone == {"graph": "alone", "makespan": 5, "lower_bound": 5, "schedule": [[1, 0, 0]]}
P
"$espalier" plan --tasks "$work/two.dag" | grep -q '^fork: makespan 9, lower bound 9' ||
  fail "in words"
echo 'task 99 -1' >>"$work/two.dag"
refuse 3 "two.dag:11: \"task\": expected" plan --tasks "$work/two.dag" --json
refuse 1 "cannot open" plan --tasks "$work/none.dag"
refuse 2 "not both" plan --tasks "$work/two.dag" model.onnx
refuse 2 "there is --json alone" plan --tasks "$work/two.dag" --svg "$work/s.svg"
refuse 2 "which model" plan --json
refuse 2 "not understood" plan --tasks
"$espalier" explain --tasks "$work/two.dag" 2>/dev/null && fail "explain --tasks"
finish
