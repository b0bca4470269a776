#!/bin/sh
# deploy/launch/load with each launcher that is installed: two clients begin together, and their report is that of all.
# This machine stands for two; for parallel a script plays ssh, and Slurm has two nodes here. A machine that fails is
# named, and missing in the report.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/deploy/server.sh"
needs curl jq
export PATH="$work/bin:$PATH" WAIT=15

play_ssh() {
    mkdir -p "$work/bin"
    # Of those that mpirun starts one can be made to fail at once.
    cat >"$work/bin/echo-client" <<END
#!/bin/sh
[ "\${OMPI_COMM_WORLD_RANK-\${SLURM_PROCID-none}}" != "\${FAILS-}" ] || exit 3
exec "$(cd "$TOP_BUILDDIR" && pwd)/echo-client" "\$@"
END
    # As ssh does, it gives a shell all that follows the machine, as one text. That of one machine greets.
    cat >"$work/bin/ssh" <<'END'
#!/bin/sh
[ "$1" = one ] || [ "$1" = two ] || exit 255
[ "$1" = one ] || echo 'Welcome to two'
shift
exec sh -c "$*"
END
    chmod +x "$work/bin/ssh" "$work/bin/echo-client"
}

accepted() {
    curl -s "http://$(cat "$work/admin")/stats.json" | jq .connections.accepted
}

# The arguments have what a shell would take for its own.
load() {
    echo hello >"$work/it's {} \$work; a file"
    sh "$deploy/launch/load" "$1" --host 127.0.0.1 --port "$port" -n 5 -d 1s --expect 'failed=0,p99<1h' \
        -f "$work/it's {} \$work; a file" >"$work/report" 2>"$work/errors"
    load_status=$?
    cat "$work/report" "$work/errors"
    return "$load_status"
}

# merges LAUNCHER: the report has the sessions of both clients, and the server has had as many.
merges() {
    before=$(accepted)
    load "$1" && grep -qE '^sessions +10 requested: 10 ok' "$work/report" && [ $(($(accepted) - before)) = 10 ]
}

# names_the_missing LAUNCHER MACHINE: one has failed, and the report is that of the other.
names_the_missing() {
    ! load "$1" && grep -qE '^sessions +5 requested: 5 ok' "$work/report" &&
        [ "$(grep -c '^load: ' "$work/errors")" = 1 ] && grep -q "^load: $2 has printed no summary" "$work/errors"
}

# has LAUNCHER: skip its check if it is not installed.
has() {
    command -v "$1" >/dev/null 2>&1 || { skip "$1 works" "$1 is not installed"; return 1; }
}

# A port that is free now.
free_port() {
    "$TOP_BUILDDIR/echo-server" --port 0 >"$work/free" &
    wait_until 20 address_in "$work/free" 'listening on ' | sed 's/.*://'
    kill $! && wait $!
}

daemon() {
    "$@" >>"$work/slurm/log" 2>&1 &
    started="$started $!"
}

nodes_are_idle() {
    [ "$(timeout 20 sinfo --noheader --format '%D %t' 2>/dev/null)" = '2 idle' ]
}

# Slurm with two nodes, which are this machine. It has no authentication, so it listens on 127.0.0.1 only.
start_slurm() {
    mkdir "$work/slurm" "$work/slurm/one" "$work/slurm/two"
    cat >"$work/slurm/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$(free_port)
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
StateSaveLocation=$work/slurm
SlurmdSpoolDir=$work/slurm/%n
SlurmctldPidFile=$work/slurm/slurmctld.pid
SlurmdPidFile=$work/slurm/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
NodeName=one NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port)
NodeName=two NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$(free_port)
PartitionName=all Nodes=one,two Default=YES
END
    export SLURM_CONF="$work/slurm/slurm.conf"
    daemon slurmctld -D
    daemon slurmd -D -N one
    daemon slurmd -D -N two
    wait_until 60 nodes_are_idle 2>/dev/null
}

# Where Slurm does not start, as for an ordinary user, there is nothing to check.
has_slurm() {
    command -v srun >/dev/null 2>&1 && command -v slurmd >/dev/null 2>&1 && command -v slurmctld >/dev/null 2>&1 ||
        { skip 'srun works' 'Slurm is not installed'; return 1; }
    [ "$(id -u)" = 0 ] || { skip 'srun works' 'only root can start Slurm'; return 1; }
    start_slurm || { sed 's/^/# /' "$work/slurm/log"; skip 'srun works' 'Slurm does not start here'; return 1; }
}

refuses_unknown() {
    ! sh "$deploy/launch/load" telnet -n 5 >"$work/refused" 2>&1 && grep -q 'telnet is not one of' "$work/refused"
}

play_ssh
start_server --workers 10 || { cat "$work/server"; echo 'Bail out! cannot start'; exit 1; }
export MACHINES=one,two PARALLEL_HOME="$work/parallel"
has parallel && check 'parallel starts two clients, and their reports are merged' merges parallel
export MACHINES=one,three
has parallel && check 'of two machines of parallel one fails: it is named, and the report is that of the other' names_the_missing parallel three
# As root, and on the loopback device only.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_oob_tcp_if_include=lo OMPI_MCA_plm=isolated MACHINES=localhost:2
has mpirun && check 'mpirun starts two clients, and their reports are merged' merges mpirun
export FAILS=1
has mpirun && check 'of two clients of mpirun one fails: it is named, and the report is that of the other' names_the_missing mpirun rank.1
unset FAILS
export MACHINES=one,two
if has_slurm; then
    check 'srun starts two clients, and their reports are merged' merges srun
    export FAILS=1
    check 'of two clients of srun one fails: it is named, and the report is that of the other' names_the_missing srun rank.1
fi
check 'an unknown launcher is refused' refuses_unknown
finish
