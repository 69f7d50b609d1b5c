# ImageDecoder: pictures of every format, as Pillow decodes them, to the last
# bit; damaged ones are refused, or shown as far as they go.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import PIL' 2>/dev/null || { echo "skipped: python3-pil is not installed"; exit 77; }
/usr/bin/python3 "$top/tests/flow/make_pictures.py" "$work" || exit 1
"$espalier" verify --rtol 0 --atol 0 "$work"/whole/* >"$work/lines" 2>"$work/err" ||
  { grep -v '"pass"' "$work/lines"; fail "whole pictures"; }
echo "$(grep -c '"pass"' "$work/lines") of $(ls "$work/whole" | wc -l) pictures"
"$espalier" verify "$work"/damaged/* >"$work/lines" 2>"$work/err"
[ "$(wc -l <"$work/lines")" = "$(ls "$work/damaged" | wc -l)" ] ||
  { tail -3 "$work/err"; fail "a damaged picture ended the program"; }
cut -d'"' -f8 "$work/lines" | sort | uniq -c
finish
