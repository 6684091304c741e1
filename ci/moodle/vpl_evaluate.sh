#!/bin/bash
# For Moodle's VPL: among the files of the execution, beside a `gradus.task` that holds the exercise's name.
# VPL runs what this leaves as `vpl_execution`, and reads its output. The grade is in the activity's range.
. common_script.sh 2>/dev/null || true
task=$(tr -cd 'a-z0-9-' <gradus.task 2>/dev/null)
cat >vpl_execution <<SCRIPT
#!/bin/bash
export VPL_GRADEMIN='${VPL_GRADEMIN:-0}' VPL_GRADEMAX='${VPL_GRADEMAX:-100}'
exec gradus grade '${task:-fetcher}' . --format vpl --quiet --exit-zero --results "\$(mktemp -d)/results" 2>/dev/null
SCRIPT
chmod +x vpl_execution
