#!/bin/sh
# Entry point of an external grader of PrairieLearn: the exercise's name is the only argument. The
# question's `timeout` must be above the deadline (seconds), which may come in GRADUS_DEADLINE.
mkdir -p /grade/results
results=/grade/results/results.json
printf '{"gradable": false, "format_errors": ["The grading did not come to its end. This attempt is not charged."]}\n' >$results
timeout --foreground -s INT -k 20 "${GRADUS_DEADLINE:-520}" gradus grade "$1" /grade/student --quiet --exit-zero \
    --results /tmp/gradus --format prairielearn --out $results --format terminal --out - >&2
exit 0
