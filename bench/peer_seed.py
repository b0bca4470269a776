# SPDX-License-Identifier: MIT
"""A peer: the threaded echo server of Python tutorials, a thread for each session.

It has what tutorials leave out and a measurement needs: one thread listens and makes the others,
end of file ends a session, and all bytes are sent. upper() is that of bytes.
"""
import socket
import threading

BUFFER = 1024


def communicate(conn):
    with conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                data = conn.recv(BUFFER)
                if not data:
                    return
                conn.sendall(data.upper())
            except OSError:
                return


def main():
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        print("listening on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
        while True:
            conn, _ = server.accept()
            threading.Thread(target=communicate, args=(conn,), daemon=True).start()


main()
