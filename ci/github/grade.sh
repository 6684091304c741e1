#!/usr/bin/env bash
# The step of the action: grades, then shows the report in the job's summary, as annotations, and as outputs.
set -u
results=${GRADUS_RESULTS:-gradus-results/action}
lang=${GRADUS_LANG:-en}
options=(--results "$results" --lang "$lang" --quiet)
[ -n "${GRADUS_SEED:-}" ] && options+=(--seed "$GRADUS_SEED")
[ -n "${GRADUS_TIER:-}" ] && options+=(--require-tier "$GRADUS_TIER")

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Whatever a program printed is shown between these: no line of it is a command of the runner.
token=gradus-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$token"
gradus grade "$GRADUS_TASK" "${GRADUS_SUBMISSION:-.}" "${options[@]}" \
    --out "$out/report.json" --out "$out/report.html" --out "$out/junit.xml" --out "$out/summary.md" \
    --format json --format html --format junit --format markdown
status=$?
echo "::$token::"

if [ ! -f "$out/report.json" ]; then
    echo "::error title=gradus::there is no report (exit status $status)"
    exit "$status"
fi
mkdir -p "$results" && cp "$out/report.html" "$out/junit.xml" "$results/" 2>/dev/null

# Annotations and the result of Classroom are made from what was kept; without it there is neither.
if gradus report "$results" --format github --lang "$lang" >"$out/annotations"; then
    cat "$out/annotations"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    {
        gradus report "$results" --format classroom --lang "$lang" >"$out/classroom" &&
            echo "result=$(base64 -w0 <"$out/classroom")"
        python3 - "$out/report.json" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
print(f"score={report['score']}\nmax-score={report['max_score']}")
PYTHON
    } >>"$GITHUB_OUTPUT"
fi
[ "${GRADUS_FAIL:-true}" = true ] || { [ "$status" -le 1 ] && exit 0; }
exit "$status"
