#!/bin/sh
# The labs: what labs/check says of the solutions, of the skeletons, and of mistakes that students make. A mistake
# is a change of a solution, for sed.
. "${TOP_SRCDIR:-$(dirname "$0")/../..}/tests/kit/tap.sh"
cd "$TOP_SRCDIR" || exit 1
export ECHO_CLIENT="$TOP_BUILDDIR/echo-client"

needs jq setsid

# The folder of a lab: 3-queue.
lab() {
    (cd labs && echo "$1"-*)
}

# Make $work/mine the solution of a lab. The labs 4 and 6 use the queue of lab 3.
assemble() {
    rm -rf "$work/mine" && cp -R "tests/labs/$(lab "$1")" "$work/mine" || return 1
    case $1 in 4 | 6) cp tests/labs/3-queue/queue.c "$work/mine" ;; esac
    chmod -R u+w "$work/mine"
}

has_all() {
    assemble "$1"
    labs/check "$1" "$work/mine" --json "$work/report.json" >"$work/report" || { cat "$work/report"; return 1; }
    [ "$(jq '.points == .of and (.requirements | length > 5)' "$work/report.json")" = true ]
}

has_none() {
    LAB_PATIENCE=5 labs/check "$1" >"$work/report" && return 1
    tail -n 1 "$work/report" | grep -q '^Points: 0 of [1-9]' || { cat "$work/report"; return 1; }
}

# The solution of lab $1 with the change $5 does not meet $2, and the sentence has the words $4. What hangs
# is given up after $3 seconds.
is_named() {
    assemble "$1"
    cat "$work/mine"/*.c >"$work/before"
    sed -i "$5" "$work/mine"/*.c
    if cat "$work/mine"/*.c | cmp -s "$work/before" -; then
        echo "the change changes nothing: $5"
        return 1
    fi
    if LAB_PATIENCE=$3 labs/check "$1" "$work/mine" --only "$2" >"$work/report" 2>&1; then
        echo "it has all points of $2"
        return 1
    fi
    grep -q -e "$4" "$work/report" || { cat "$work/report"; return 1; }
}

# mistake NAME LAB REQUIREMENT SECONDS WORDS CHANGE
mistake() {
    check "lab $2: $1" is_named "$2" "$3" "$4" "$5" "$6"
}

for number in 1 2 3 4 5 6; do
    check "lab $number: the solution has all points" has_all "$number"
    check "lab $number: the skeleton has none" has_none "$number"
done

mistake 'write() unchecked' 1 short 60 'took only a part' 's/while (size > 0)/if (size > 0)/'
mistake 'SIGPIPE' 1 vanished 60 'raises SIGPIPE' 's/MSG_NOSIGNAL/0/'
mistake 'one error ends the server' 1 vanished 60 'must end that connection only' 's/^            break;/            exit(1);/'
mistake 'connections are not closed' 1 descriptors 60 'does not close its connection' '/^    close(fd);/d'
mistake 'an error of one client ends the server' 1 vanished 60 'must end that connection only' 's/^    close(fd);/    if (size < 0) exit(1);\n    close(fd);/'
mistake 'one message only' 1 echo 60 'closed the connection' 's/while ((size = recv(\(.*\)) > 0)/for (int once = 0; once < 1 \&\& (size = recv(\1) > 0; once++)/'
mistake 'bytes taken for a string' 1 sizes 60 'heap\|overflow\|beyond\|byte\|echo-client' 's/bytes, (size_t)size))/bytes, strlen(bytes)))/; s/<stdlib.h>/<stdlib.h>\n#include <string.h>/'
mistake 'served in the accept loop' 2 two 60 'while the first one is silent' 's/pthread_create(&thread, NULL, thread_main, \(.*\)) != 0/(thread_main(\1), thread = pthread_self(), 1)/; s/^            close(fd);/            ;/'
mistake 'threads never joined' 2 threads 60 'joined, or detached' 's/pthread_detach(thread);/;/'
mistake 'a variable of the loop for all threads' 2 race 60 'without a lock' 's/(void \*)(intptr_t)fd/\&fd/; s/(int)(intptr_t)argument/*(int *)argument/; s/int fd = accept/static int fd; fd = accept/'
mistake 'a total of all threads' 2 race 60 'one of them writes: look at echo.c' 's/^static void serve/static long total;\n\nstatic void serve/; s/        if (!send_all/        if (total += size, !send_all/'
mistake 'no thread, and the client is left alone' 2 no-thread 60 'left waiting' 's/^            close(fd);/            ;/'
mistake 'no thread, and the server ends' 2 no-thread 60 'died of it' 's/^            close(fd);/            exit(1);/'
mistake 'if instead of while' 3 again 60 'in a loop, not with if' '/count == 0/s/while/if/'
mistake 'missing broadcast' 3 close 4 'wakes one' 's/cond_broadcast/cond_signal/'
mistake 'off by one, too many' 3 bound 60 'took a fourth item' 's/== queue->bound/== queue->bound + 1/'
mistake 'off by one, too few' 3 bound 60 'waits with 2 items' 's/== queue->bound/== queue->bound - 1/'
mistake 'busy wait' 3 empty 60 'turns round and round' 's/pthread_cond_wait(&queue->not_empty, &queue->lock)/pthread_mutex_unlock(\&queue->lock), pthread_mutex_lock(\&queue->lock)/'
mistake 'no signal' 3 empty 4 'not woken when one was put' '/signal(&queue->not_empty)/d'
mistake 'lost wake-up: one condition for both' 3 crowd 6 'wake-up was lost' '/wait\|signal/s/not_full/not_empty/'
mistake 'looked at without the lock' 3 race 60 'without a lock' '/^void queue_close/,/^}/{ /mutex/d }'
mistake 'the last one first' 3 order 60 'items went in as' 's/item = queue->items\[queue->first\];/item = queue->items[(queue->first + queue->count - 1) % queue->bound];/; /queue->first = (queue->first + 1)/d'
mistake 'closed and forgotten' 3 rest 60 'gave 0 of them' 's/if (queue->count > 0)/if (queue->count > 0 \&\& !queue->closed)/'
mistake 'never freed' 3 free 60 'never freed' 's/^    free(queue);//'
mistake 'a lock that is not given back' 3 bound 4 'not woken\|waits' '/^bool queue_put/,/^}/s/    pthread_mutex_unlock.*//'
mistake 'threads beyond the workers' 4 bound 60 'threads' 's/i < workers; i++/i < workers * 8; i++/'
mistake 'no handler' 4 stop 60 'SIGTERM kills it' 's/pthread_sigmask(SIG_BLOCK.*//; s/signal(SIGTERM, on_term);//'
mistake 'closed before the echo' 4 order 60 'of 40000 bytes only' 's/SHUT_RD)/SHUT_RDWR)/'
mistake 'does not end' 4 stop 60 'does not end after SIGTERM' 's/queue_close(queue);//'
mistake 'a loop without a wait' 5 idle 60 'again and again' 's/client_count, -1)/client_count, 0)/'
mistake 'always ready to write' 5 idle 60 'again and again' 's/POLLOUT : POLLIN}/POLLOUT : POLLIN | POLLOUT}/'
mistake 'both to read and to write' 5 idle 60 'does not read, and the server does not sleep' 's/POLLOUT : POLLIN}/POLLIN | POLLOUT : POLLIN}/'
mistake 'a connection that blocks' 5 deaf 60 'make each connection non-blocking' '/^static void add/,/^}/s/fcntl.*//'
mistake 'what one send leaves is dropped' 5 flush 60 'bytes only\|is not what was sent' 's/while (client->sent < client->size)/if (client->sent < client->size)/'
mistake 'freed while the call runs' 6 give-up 60 'that it has freed' 's/owners = 2/owners = 1/'
mistake 'only one waiter is woken' 6 waiters 4 'wakes one' '/is_done/s/cond_broadcast/cond_signal/'
mistake 'done is read without the lock' 6 race 60 'without a lock' '/^bool future_is_done/,/^}/{ /mutex/d }; /^void \*future_result/,/^}/{ /mutex\|while\|wait/d; s/^    result =/    while (!future->done) continue;\n    result =/ }'
mistake 'a lock is held during the call' 6 nested 4 'hold no lock while a function runs' 's/^        void \*result = future->function(future->argument);/        static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;\n        pthread_mutex_lock(\&one);\n        void *result = future->function(future->argument);\n        pthread_mutex_unlock(\&one);/'
mistake 'pool_free() does not wait' 6 end 60 'was not made\|that it has freed' '/pthread_join/d; s/queue_free(pool->queue);//; s/^    free(pool);$//; s/^    for (unsigned i = 0; i < pool->workers; i++)$//'

# A lawful way to wait, though not a good one.
polling_is_waiting() {
    assemble 6
    sed -i 's/pthread_join(\(.*\), NULL);/while (pthread_tryjoin_np(\1, NULL) != 0) sched_yield();/; s/^#include <stdlib.h>/#include <sched.h>\n&/' "$work/mine/futures.c"
    grep -q tryjoin "$work/mine/futures.c" || return 1
    labs/check 6 "$work/mine" --only end >"$work/report" 2>&1 || { cat "$work/report"; return 1; }
}

check 'lab 6: a pool_free() that polls has waited' polling_is_waiting

# A server in any language, and words that are wrong.
any_command() {
    labs/check 1 --command "'$TOP_BUILDDIR/echo-server' --port {port} --transform none --workers 4" >"$work/report" || { cat "$work/report"; return 1; }
    grep -q 'not tried' "$work/report" && tail -n 1 "$work/report" | grep -qx 'Points: 12 of 12' || { cat "$work/report"; return 1; }
}
check 'any program that listens on a port can be graded' any_command

refuses() {
    sentence=$1
    shift
    status=0
    labs/check "$@" >"$work/report" 2>&1 || status=$?
    [ "$status" -eq 2 ] && grep -q -e "$sentence" "$work/report" || { cat "$work/report"; return 1; }
}
check 'an unknown requirement is named' refuses 'lab 3 has no requirement x; it has order bound' 3 tests/labs/3-queue --only x
check 'there is no lab 7' refuses 'labs/check N' 7
check 'a folder that does not exist is named' refuses 'there is no folder /nowhere' 1 /nowhere
check 'lab 3 is not a server' refuses 'graded by its functions' 3 --command 'x {port}'

# What a program has left, in whatever session, ends with its trial; and all of it with labs/check.
leaves_nothing() {
    assemble 1
    sed -i 's/int main(.*/&\n/; s/    for (;;) {/    if (fork() == 0) {\n        setsid();\n        for (;;)\n            pause();\n    }\n&/' "$work/mine/echo.c"
    labs/check 1 "$work/mine" --only echo >"$work/report" || { cat "$work/report"; return 1; }
    has_ended "$work/report"
}

# labs/check builds below the folder of this test.
has_ended() {
    ! pgrep -f "$work/.*/address [0-9]+" >"$work/left" || { ps -o pid,args -p "$(tr '\n' , <"$work/left")0"; return 1; }
}

is_interrupted() {
    assemble 3
    sed -i '/signal(&queue->not_empty)/d' "$work/mine/queue.c"
    setsid labs/check 3 "$work/mine" --only empty >"$work/report" 2>&1 &
    wait_until 60 pgrep -s $! -f "grade-address\$" >/dev/null
    kill -TERM $!
    ! wait $! && wait_until 20 no_grader $!
}

no_grader() {
    ! pgrep -s "$1" -f "grade-address\$" >/dev/null
}

does_not_compile() {
    mkdir "$work/broken" && echo 'int main(void) { return x; }' >"$work/broken/echo.c"
    labs/check 1 "$work/broken" --json "$work/report.json" >"$work/report" && return 1
    grep -q "echo.c:1.*error" "$work/report" && [ "$(jq .points "$work/report.json")" = 0 ]
}
check 'what a program has left ends with its trial' leaves_nothing
check 'a signal ends the grader and its trial' is_interrupted
check 'what does not compile has no points, and the first error is shown' does_not_compile
finish
