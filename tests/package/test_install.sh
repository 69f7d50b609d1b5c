#!/bin/bash
# usage: test_install.sh BUILD SOURCE
# Installs into a prefix of its own and uses what is there as a user would.
set -u
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
check() { # what, command...
  local what=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    echo "ok: $what"
  else
    echo "FAILED: $what"
    head -20 "$work/log"
    failed=1
  fi
}

declared() { # functions of the public headers
  gcc -E -I"$source/include" -x c "$source/include/espalier/espalier.h" |
    grep -v '^#' | tr '\n;' ' \n' | grep -v typedef |
    grep -oE '\besp_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u
}
shown() {
  nm -D --defined-only "$build/lib/libespalier.so" | awk '{print $3}' | sort
}
same_symbols() { diff <(declared) <(shown); }
check "the library shows what the headers declare, and nothing else" same_symbols

prefix="$work/a prefix"
check "install" cmake --install "$build" --prefix "$prefix"
lib=$(dirname "$(find "$prefix" -name libespalier.so)")

by_pkg_config() {
  # shellcheck disable=SC2046 # pkg-config escapes blanks for a shell
  eval gcc -std=c11 -Wall -Wextra -Wpedantic -Werror "'$source/tests/package/hello.c'" \
    -o "'$work/hello'" $(PKG_CONFIG_PATH="$lib/pkgconfig" pkg-config --cflags --libs espalier) &&
    [ "$(LD_LIBRARY_PATH=$lib "$work/hello")" = "forked 42: ok" ]
}
check "a program by pkg-config" by_pkg_config

by_cmake() {
  mkdir -p "$work/user" && cp "$source/tests/package/hello.c" "$work/user" &&
    cat >"$work/user/CMakeLists.txt" <<'C' &&
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(espalier 0.1 REQUIRED)
add_executable(hello hello.c)
target_link_libraries(hello PRIVATE espalier::espalier)
C
    cmake -S "$work/user" -B "$work/user/build" -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$work/user/build" &&
    [ "$("$work/user/build/hello")" = "forked 42: ok" ]
}
check "a program by CMake" by_cmake

each_header_alone() {
  for header in "$prefix"/include/espalier/*.h; do
    printf '#include "%s"\nint main(void) { return 0; }\n' "$header" |
      gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
        -I"$prefix/include" -x c - || return 1
  done
}
check "every header stands alone" each_header_alone
if command -v g++ >/dev/null; then
  check "the headers are C++ too" g++ -Wall -Wextra -Werror -fsyntax-only \
    -I"$prefix/include" -x c++ "$prefix/include/espalier/espalier.h"
else
  echo "not tried: the headers in C++ (no g++ here)"
fi

version() {
  "$prefix/bin/espalier" --version | grep -q '^espalier [0-9]'
}
check "the command finds its library" version

pages() {
  local page
  for page in "$prefix"/share/man/man[13]/espalier*; do
    [ -z "$(groff -man -ww -z "$page" 2>&1)" ] || {
      groff -man -ww -z "$page"
      return 1
    }
  done
  "$prefix/bin/espalier" --help | sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p' |
    while read -r subcommand; do
      [ -s "$prefix/share/man/man1/espalier-$subcommand.1" ] || exit 1
    done
}
if command -v groff >/dev/null; then
  check "manual pages of every subcommand, without a warning" pages
else
  echo "not tried: the manual pages (no groff here)"
fi

complete_with() { # words...
  # shellcheck disable=SC1091
  . "$prefix/share/bash-completion/completions/espalier"
  COMP_WORDS=("$prefix/bin/espalier" "$@")
  COMP_CWORD=$#
  _espalier
  echo "${COMPREPLY[*]}"
}
completion() {
  [ "$(complete_with ru)" = run ] &&
    [ "$(complete_with run --obj)" = --objective ] &&
    [ "$(complete_with run --objective l)" = latency ]
}
check "completion knows subcommands, options and choices" completion

debian_package() {
  (cd "$build" && cpack -G DEB -B "$work/deb") || return 1
  local package
  package=$(find "$work/deb" -maxdepth 1 -name 'espalier_*.deb')
  dpkg-deb --contents "$package" >"$work/contents" || return 1
  for file in ./usr/bin/espalier libespalier.so.0 espalier/session.h \
    espalier.pc man1/espalier-run.1 completions/espalier; do
    grep -q "$file" "$work/contents" || {
      echo "$file is missing"
      return 1
    }
  done
  dpkg-deb --field "$package" Depends | grep -q libhdf5
}
if command -v dpkg-shlibdeps >/dev/null; then
  check "a Debian package with its dependencies" debian_package
else
  echo "not tried: the Debian package (no dpkg-dev here)"
fi
exit $failed
