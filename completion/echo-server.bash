# Completion of echo-server in bash, made from its table of options: make completion.
_echo_server() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' words='' files=''

    # bash takes --option=value for three words
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $word == = ]] && word=''
    case $command/$before in
    /--model) words='iterative thread fork thread-pool process-pool event thread-accept prefork io-uring' ;;
    /--workers) words='auto' ;;
    /--hold) words='session message' ;;
    /--on-full) words='pause reject drop-oldest caller-runs' ;;
    /--transform) words='upper none' ;;
    /--print) words='none line full' ;;
    /--log) words='text json' ;;
    /--tls-cert | /--tls-key | /--tls-ca | /--trace | /--config) files=yes ;;
    /--host | /--port | /--socket-mode | /--socket-group | /--max-sessions | /--queue | /--high-water | /--low-water | /--queue-timeout | /--per-source | /--handshake-timeout | /--session-timeout | /--idle-timeout | /--write-timeout | /--shutdown-delay | /--drain-timeout | /--buffer | /--delay | /--burn | /--admin | /--agent | /--limit) ;;
    /*) words='--host --port --reuse-port --socket-mode --socket-group --model --workers --hold --wake-all --max-sessions --allow-uncapped --queue --on-full --high-water --low-water --queue-timeout --per-source --handshake-timeout --session-timeout --idle-timeout --write-timeout --shutdown-delay --drain-timeout --transform --buffer --delay --burn --proxy-protocol --tls-cert --tls-key --tls-ca --print --trace --admin --admin-control --agent --limit --log --verbose --quiet --config --print-config --help --version ' ;;
    esac
    mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$word"
        [[ -n $files ]] && compgen -f -- "$word"
    )
    [[ -z $files ]] || compopt -o filenames 2>/dev/null
} && complete -F _echo_server echo-server
