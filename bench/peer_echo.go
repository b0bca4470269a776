// SPDX-License-Identifier: MIT

// A peer: the usual echo server in Go, a goroutine per session. Go sets TCP_NODELAY by default.
package main

import (
	"fmt"
	"net"
	"os"
)

const bufferBytes = 1024 // the default of echo-server's --buffer

func upper(data []byte) {
	for i, c := range data {
		if 'a' <= c && c <= 'z' {
			data[i] = c - 'a' + 'A'
		}
	}
}

func communicate(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, bufferBytes)
	for {
		size, err := conn.Read(buffer)
		if err != nil {
			return
		}
		upper(buffer[:size])
		if _, err = conn.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go communicate(conn)
	}
}
