# Completion of echo-client in bash, made from its table of options: make completion.
_echo_client() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' words='' files=''

    # bash takes --option=value for three words
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $word == = ]] && word=''
    ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} == report ]] && command=report
    case $command/$before in
    /--transform) words='upper none' ;;
    /--barrier) words='none connect' ;;
    /--ca | /--cert | /--key | /--file | /-f | /--csv | /--ndjson | /--hist | /--timeline | /--curve | /--config) files=yes ;;
    /--host | /--port | /--timeout | /--source | /--sessions | /-n | /--steps | /--threads | /--messages | /-m | /--duration | /-d | /--warm-up | /--size | /-s | /--depth | /--ramp | /--rate | /--find-rate | /--think | /--idle | /--start-at | /--clock-of | /--expect) ;;
    /*) words='--host --all-addresses --port --transform --timeout --source --tls --ca --insecure --cert --key --sessions --steps --threads --messages --duration --warm-up --size --file --depth --barrier --ramp --rate --find-rate --think --churn --reconnect --idle --start-at --clock-of --expect --json --csv --ndjson --hist --timeline --curve --top --quiet --verbose --config --print-config --help --version ' ;;
    report/--expect) ;;
    report/*) words='--expect --json --help --version ' files=yes ;;
    esac
    ((COMP_CWORD > 1)) || words+=report
    mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$word"
        [[ -n $files ]] && compgen -f -- "$word"
    )
    [[ -z $files ]] || compopt -o filenames 2>/dev/null
} && complete -F _echo_client echo-client
