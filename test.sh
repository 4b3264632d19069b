#!/usr/bin/env bash
# Runs the test suite: ./test.sh [--long] [NAME]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
usage: ./test.sh [--long] [NAME]...

Runs every test, or those whose name contains one of NAME.

  --long   run the crash, soak and million-row tests in full, too (optimised build)
  --help   print this

The tests need PostgreSQL's server programs. Where they are missing, they are
installed with apt-get (as root or through sudo). Set TEST_POSTGRES_URL to test
against a running server instead, as a user who may create databases.
TEXT
}

long=
names=()
for argument in "$@"; do
    case "$argument" in
        --long) long=1 ;;
        --help | -h) usage; exit 0 ;;
        -*) echo "test.sh: unknown option $argument" >&2; usage >&2; exit 2 ;;
        *) names+=("$argument") ;;
    esac
done

postgres_is_there() {
    local folder
    for folder in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" /usr/lib/postgresql/*/bin; do
        if [[ -x $folder/initdb && -x $folder/pg_ctl ]]; then return 0; fi
    done
    return 1
}

if [[ -z ${TEST_POSTGRES_URL:-} ]] && ! postgres_is_there; then
    echo "test.sh: PostgreSQL is missing; installing it" >&2
    if ! command -v apt-get >/dev/null; then
        install=()
    elif [[ $(id -u) -eq 0 ]]; then
        install=(env DEBIAN_FRONTEND=noninteractive apt-get)
    elif command -v sudo >/dev/null; then
        install=(sudo DEBIAN_FRONTEND=noninteractive apt-get)
    else
        install=()
    fi
    if [[ ${#install[@]} -eq 0 ]] \
        || ! { "${install[@]}" update -q && "${install[@]}" install -qy --no-install-recommends postgresql; } >&2 \
        || ! postgres_is_there; then
        cat >&2 <<'TEXT'
test.sh: the tests need PostgreSQL's server programs (initdb, pg_ctl, postgres) in
PATH or /usr/lib/postgresql/*/bin, and they could not be installed from here.
Install them (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install
postgresql-server; macOS: brew install postgresql), or set TEST_POSTGRES_URL.
TEXT
        exit 1
    fi
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT

failed=0
# Runs a command under one throw-away server for all its tests, and keeps its words.
with_server() {
    cargo run --quiet --locked -p test-support --bin test-postgres -- "$@" 2>&1 \
        | tee -a "$report" || failed=1
}

# A name filter per word after the dashes; bash before 4.4 calls an empty array unset.
filters=(-- ${names[@]+"${names[@]}"})

# Runs the tests of the given packages and targets.
run_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        with_server cargo nextest run --locked "$@" --no-fail-fast --no-tests=pass \
            --color never --status-level slow --final-status-level fail "${filters[@]}"
    else
        with_server cargo test --locked --no-fail-fast "$@" "${filters[@]}"
    fi
}

echo "== programs"
run_tests --workspace --lib --bins --tests

if [[ -n $long ]]; then
    echo "== long forms, optimised"
    # All that has one: an optimised build of the rest would take longer than running it.
    AUDIT_LONG=1 run_tests --release -p stress -p audit-store -p audit-witness -p crypto-fields \
        -p privacy-rights --test access_memory --test concurrency --test crash --test million --test append --test query \
        --test transactions --test rotation_kills --test kills --test simulation
fi

echo "== documentation"
with_server cargo test --locked --no-fail-fast --workspace --quiet --doc "${filters[@]}"

# Adds up the closing lines of cargo nextest ("Summary … 9 tests run: 8 passed, 1 failed, …") and
# of cargo test ("test result: ok. 8 passed; 1 failed; …").
count() {
    awk -v word="$1" '/^ *Summary .* run:/ || /^test result:/ {
        for (i = 2; i <= NF; i++) if ($i ~ "^" word "[,;]?$") n += $(i - 1)
    } END { print n + 0 }' "$report"
}
passed=$(count passed) broken=$(count failed)
if [[ $failed -ne 0 && $broken -eq 0 ]]; then
    echo "test.sh: FAILED, not everything could be built or run; $passed tests passed before" >&2
elif [[ $failed -ne 0 ]]; then
    echo "test.sh: FAILED, $broken tests; $passed passed" >&2
elif [[ $passed -eq 0 ]]; then
    echo "test.sh: no test has such a name" >&2
    failed=1
else
    echo "test.sh: $passed tests passed, 0 failed"
fi
exit $failed
