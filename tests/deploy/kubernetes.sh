#!/bin/sh
# deploy/kubernetes: each manifest is valid by the schemas of Kubernetes, and a wrong one is refused; the variables are
# options of the server; load.sh runs a load in several pods and merges it. The schemas are an npm package, which is
# installed into the build tree once. There is no cluster here: a script plays kubectl, and its pods are processes.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/deploy/server.sh"
needs node npm jq
manifests=$deploy/kubernetes
schemas=$TOP_BUILDDIR/tests/deploy/npm
if [ ! -d "$schemas/node_modules/yaml" ] || [ ! -d "$schemas/node_modules/kubernetes-models" ]; then
    npm install --silent --no-audit --no-fund --prefix "$schemas" kubernetes-models@4.5.1 yaml@2.9.1 >"$work/npm" 2>&1 ||
        skip_all 'npm cannot install kubernetes-models and yaml'
fi
export NODE_PATH="$schemas/node_modules"

validate() {
    node "$TOP_SRCDIR/tests/deploy/kubernetes.js" "$@"
}

# Those of `kubectl apply -k`.
resources() {
    sed -n 's/^  - \(.*\.yaml\)$/\1/p' "$manifests/kustomization.yaml"
}

each_is_valid() {
    sed 's/START_AT/1800000000/' "$manifests/load.yaml" >"$work/load.yaml"
    # shellcheck disable=SC2046  # names
    (cd "$manifests" && validate "$work/load.yaml" $(resources))
}

# The rest of the folder are the load, and what is for other programs.
each_is_listed() {
    resources >"$work/listed"
    printf '%s\n' adapter-rules.yaml kustomization.yaml load.yaml >>"$work/listed"
    (cd "$manifests" && ls ./*.yaml) | sed 's/^..//' | sort >"$work/there"
    sort "$work/listed" | diff - "$work/there"
}

# refuses WORDS FILE EDIT: the manifest is refused after this edit, and in the message are these words.
refuses() {
    sed "$3" "$manifests/$2" >"$work/wrong.yaml"
    ! cmp -s "$work/wrong.yaml" "$manifests/$2" || { echo "the edit changes nothing"; return 1; }
    ! validate "$work/wrong.yaml" >"$work/refused" 2>&1 || return 1
    cat "$work/refused"
    grep -q "$1" "$work/refused"
}

variables_are_options() {
    variables=$(sed -n "s/.*{name: \(ECHO_SERVER_[A-Z_]*\), value: \(.*\)}/\1=\2/p" "$manifests/deployment.yaml" | tr -d "'")
    # shellcheck disable=SC2086  # words
    env $variables "$TOP_BUILDDIR/echo-server" --print-config >"$work/config" && cat "$work/config" &&
        [ "$(grep -c 'ECHO_SERVER_' "$work/config")" = "$(echo "$variables" | wc -l)" ]
}

# A played kubectl: a pod of the job is a process, which runs the command of load.yaml against the server of this test
# with fewer sessions, for a shorter time.
play_kubectl() {
    mkdir -p "$work/bin" "$work/pods"
    cat >"$work/bin/kubectl" <<END
#!/bin/sh
cd "$work/pods"
case \$1 in
apply)
    cat >job.yaml
    arguments=\$(sed -n 's/.*args: \[\(.*\)\]/\1/p' job.yaml | tr -d "',")
    arguments=\$(echo "\$arguments" | sed -e 's/--host echo/--host 127.0.0.1 --port $port/' -e 's/-n 250/-n 5/' -e 's/-d 30s/-d 1s/')
    for index in \$(seq 0 \$((\$(sed -n 's/.*completions: //p' job.yaml) - 1))); do
        ([ "\$index" != "\${FAILS-}" ] || arguments=--no-such-option
            echo-client \$arguments >"\$index" 2>&1; echo \$? >"\$index.status") &
    done ;;
wait) until [ "\$(cat ./*.status 2>/dev/null | wc -l)" = 4 ]; do sleep 0.1; done; ! grep -v '^0' ./*.status ;;
get) for index in 0 1 2 3; do echo "pod/\$index"; done ;;
logs) cat "\${2#pod/}" ;;
esac
END
    chmod +x "$work/bin/kubectl"
    ln -s "$(cd "$TOP_BUILDDIR" && pwd)/echo-client" "$work/bin/echo-client"
}

load_is_merged() {
    PATH=$work/bin:$PATH WAIT=15 sh "$manifests/load.sh" >"$work/report" || { cat "$work"/pods/*; return 1; }
    cat "$work/report"
    curl -s "http://$(cat "$work/admin")/stats.json" | jq -e '.connections.accepted == 20' && grep -q '\b20\b' "$work/report"
}

# A pod that fails has printed only an error; kubectl logs does not keep it apart.
failed_pod_is_named() {
    rm -f "$work"/pods/*
    ! PATH=$work/bin:$PATH WAIT=15 FAILS=3 sh "$manifests/load.sh" >"$work/report" 2>"$work/errors" || return 1
    cat "$work/report" "$work/errors"
    grep -qE '^sessions +15 requested: 15 ok' "$work/report" && [ "$(grep -c 'has printed no summary' "$work/errors")" = 1 ] &&
        grep -q '^load.sh: pod/3 has printed no summary' "$work/errors"
}

check 'each manifest is valid' each_is_valid
check 'each manifest is applied, or has another use' each_is_listed
check 'a value of the wrong type is refused' refuses 'averageValue must be' autoscaler.yaml "s/averageValue: '8'/averageValue: [8]/"
check 'an unknown field is refused' refuses 'unknown field .*readOnlyRoot' deployment.yaml 's/readOnlyRootFilesystem/readOnlyRoot/'
check 'a missing field is refused' refuses selector deployment.yaml '/^  selector:/,/^    matchLabels/d'
check 'an unknown kind is refused' refuses PodDisruptiveBudget disruption.yaml 's/kind: PodDisruption/kind: PodDisruptive/'
check 'the variables are options of the server' variables_are_options
start_server --workers 20 || { cat "$work/server"; echo 'Bail out! cannot start'; exit 1; }
play_kubectl
check 'load.sh runs four pods that begin together, and merges what they print' load_is_merged
check 'a pod that fails is named, and the report is that of the others' failed_pod_is_named
finish
