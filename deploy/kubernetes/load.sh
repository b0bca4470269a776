#!/bin/sh
# SPDX-License-Identifier: MIT
# Run load.yaml, which begins in WAIT seconds (60), when all pods have been started; then merge the summaries of
# its pods.
set -eu
at=$(($(date +%s) + ${WAIT:-60}))
job=echo-load-$at
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed "s/START_AT/$at/" "${0%/*}/load.yaml" | kubectl apply -f - >&2
# A job that has failed is never complete; its time limit is in load.yaml.
kubectl wait --for=condition=complete --timeout=600s "job/$job" >&2 ||
    echo "load.sh: $job is not complete: the report has what its pods have printed" >&2
for pod in $(kubectl get pods -l "job-name=$job" -o name); do
    kubectl logs "$pod" >"$work/$(basename "$pod").json"
done
echo-client report "$work"/*.json
