# The page of a run, as a browser shows it.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
incep=$top/jobs/fashion-mnist/fmnist_incep.onnx
page() { # ranks, options; leaves $work/page.html
  n=$1
  shift
  ranks "$n" "$espalier" run --model "$incep" --input "$work/data.h5:/test/images" \
    --labels "$work/data.h5:/test/labels" --scale 1/255 --samples 2000 --batch 20 \
    --restart --output "$work/<out>.h5" --progress none --report "$work/page.html" "$@" \
    >"$work/table" 2>"$work/err" || { cat "$work/err"; fail "a run with $*"; }
}
browse() { # options of chromium
  timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
    --user-data-dir="$work/browser" --window-size=1300,1600 "$@" 2>"$work/browser.err"
}
look() { # python expressions over what is seen, `p`
  { cat "$work/page.html"; echo "<script>"; cat "$top/tests/flow/look.js"; echo "</script>"; } \
    >"$work/look.html"
  browse --dump-dom "file://$work/look.html" >"$work/dom.html"
  /usr/bin/python3 - "$work/dom.html" "$@" <<'P' || fail "the page of $*"
import html, json, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
found = re.search(r'<pre id="look">(.*?)</pre>', text, re.S)
assert found, "the browser has not run it"
p = json.loads(html.unescape(found.group(1)))
for said in sys.argv[2:]:
    assert eval(said), (said, p)
P
}
always='p["title"].endswith("<out>.h5") and p["wide"] and p["loads"] == 0'
drawn='all(d["seen"] and d["fits"] and d["colours"] > 3 for d in (p["planned"], p["ran"]))'
page 1
look "$always" "$drawn" 'p["planned"]["bars"] > 25' 'p["ran"]["bars"] > 25' 'p["ranks"] == 1' \
  'p["operators"] == 25' '"predicted" in p["certificate"] and "measured" in p["certificate"]' \
  '"rank 0" in p["ran"]["labels"] and "conductor 0" in p["ran"]["labels"]'
page 2 --replicas 1
look "$always" "$drawn" 'p["ranks"] == 2' \
  'all(f"{w} {r}" in p["ran"]["labels"] for w in ("rank", "conductor") for r in (0, 1))'
page 3
look "$always" "$drawn" 'p["ranks"] == 3'
browse --screenshot="$work/page.png" "file://$work/page.html" >/dev/null
/usr/bin/python3 -c 'import sys
from PIL import Image
image = Image.open(sys.argv[1]).convert("RGB")
assert image.size == (1300, 1600) and len(set(image.getdata())) > 50' "$work/page.png" ||
  fail "the picture"
# Nothing to do; and files that cannot be written.
ranks 2 "$espalier" run --model "$incep" --input "$work/data.h5:/test/images" \
  --labels "$work/data.h5:/test/labels" --scale 1/255 --samples 2000 --batch 20 \
  --output "$work/<out>.h5" --progress none --report "$work/done.html" >/dev/null 2>&1 ||
  fail "nothing to do"
grep -q "There was nothing to do" "$work/done.html" || fail "the page of nothing"
ranks 2 "$espalier" run --model "$incep" --input "$work/data.h5:/test/images" \
  --output "$work/none.h5" --report "$work/no/page.html" >"$work/table" 2>"$work/err"
[ $? = 1 ] && grep -q 'report: cannot write .*No such file' "$work/err" &&
  [ ! -e "$work/none.h5" ] || { cat "$work/err"; fail "a page that cannot be written"; }
finish
