#!/usr/bin/env bash
# Opens a report in headless Chromium and tries it: tables sort and filter, figures come with their data,
# nothing is loaded, nothing sticks out at 390 and 1,280 px, with and without scripts, no line on the console.
#   scripts/test-report.sh REPORT.html
# Ends with 0 where all is well, 1 where not (the failed checks are printed), 2 where there is no Chromium.
# It takes $FAIRBIT_CHROMIUM, else the first that is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$(realpath -- "${1:?which report?}")
[[ -f $report ]] || { echo "$report is not there" >&2; exit 1; }

chromium=${FAIRBIT_CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
    [[ -n $chromium ]] || chromium=$(command -v "$name" || true)
done
[[ -n $chromium ]] || { echo "no Chromium here: apt-get install chromium, or set FAIRBIT_CHROMIUM" >&2; exit 2; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A report may be called anything; its address may not.
cp -- "$report" "$scratch/report.html"
# The harness looks into a frame with another file: that takes the last flag. No sandbox: root has none.
HOME=$scratch timeout 120 "$chromium" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$scratch/profile" --enable-logging=stderr --window-size=1400,1000 \
    --allow-file-access-from-files \
    --dump-dom "file://$PWD/tests/report/harness.html?file://$scratch/report.html" \
    >"$scratch/dom" 2>"$scratch/log" || { tail -5 "$scratch/log" >&2; echo "Chromium failed" >&2; exit 1; }

checks=$(sed -n '/<pre id="result">/,/<\/pre>/p' "$scratch/dom")
# Sandboxed frames say that their script was blocked: that is what they are for.
console=$(grep ':CONSOLE' "$scratch/log" | grep -v 'Blocked script execution in' || true)
grep -E '^(ok|FAIL)' <<<"$checks" | sort | uniq -c | sed -E 's/^ *[0-9]+ //' | grep '^FAIL' >&2 && failed=1 || failed=0
if ! grep -q '^the harness has run to its end' <<<"$checks"; then
    echo "FAIL the harness did not run to its end" >&2
    failed=1
fi
if [[ -n $console ]]; then
    printf 'FAIL on the console: %s\n' "$console" >&2
    failed=1
fi
echo "$(grep -c '^ok' <<<"$checks" || true) checks passed, $(grep -c '^FAIL' <<<"$checks" || true) failed"
exit "$failed"
