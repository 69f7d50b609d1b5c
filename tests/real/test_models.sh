#!/bin/sh
# Published models against another engine.
# usage: test_models.sh ESPALIER FOLDER      (FOLDER keeps what was fetched)
# Exit status 77 where they cannot be had.
set -u
espalier=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch.sh"

rm -rf "$folder/cases"
node "$here/make_cases.js" "$folder/node_modules" "$folder/cases" || exit 1
"$espalier" verify "$folder"/cases/* --rtol 1e-4 --atol 1e-5
status=$?
[ $status = 0 ] && echo "all of $(ls "$folder/cases" | wc -l) models agree"
exit $status
