# Schedules of graphs whose optimum is known, where there are such: the file that
# ESPALIER_KNOWN_OPTIMA names, or ../shared/planner/known-optima.dag.
. "$(dirname "$0")/lib.sh"
optima=${ESPALIER_KNOWN_OPTIMA:-$top/../shared/planner/known-optima.dag}
if [ ! -f "$optima" ]; then
  echo "skipped: no $optima; set ESPALIER_KNOWN_OPTIMA"
  exit 77
fi
/usr/bin/python3 "$top/tests/bench/planner.py" "$espalier" "$optima" --require ||
  fail "known optima"
# The planner does not read the optimum.
head -n 200 "$optima" | sed '/^end/q' >"$work/known.dag"
sed 's/ optimum .*//' "$work/known.dag" >"$work/unknown.dag"
"$espalier" plan --tasks "$work/known.dag" --json >"$work/known.json"
"$espalier" plan --tasks "$work/unknown.dag" --json >"$work/unknown.json"
cmp "$work/known.json" "$work/unknown.json" || fail "the optimum plays a part"
finish
