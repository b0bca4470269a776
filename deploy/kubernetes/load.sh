#!/bin/sh
# SPDX-License-Identifier: MIT
# Run load.yaml, which begins in WAIT seconds (60), when all pods have been started; then merge the summaries of
# its pods. The report is that of the pods that have printed one; the others are named, and the status is 1.
set -eu
at=$(($(date +%s) + ${WAIT:-60}))
job=echo-load-$at
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed "s/START_AT/$at/" "${0%/*}/load.yaml" | kubectl apply -f - >&2
# A job that has failed is never complete; its time limit is in load.yaml.
status=0
kubectl wait --for=condition=complete --timeout=600s "job/$job" >&2 || {
    echo "load.sh: $job is not complete: the report has what its pods have printed" >&2
    status=1
}
set --
for pod in $(kubectl get pods -l "job-name=$job" -o name); do
    file=$work/${pod##*/}.json
    # The summary is one line. What the client has logged lies beside it.
    if kubectl logs "$pod" | grep '^{' >"$file"; then
        set -- "$@" "$file"
    else
        echo "load.sh: $pod has printed no summary, so the report is without it: try 'kubectl logs $pod'" >&2
        status=1
    fi
done
[ $# -eq 0 ] || echo-client report "$@" || status=$?
exit "$status"
