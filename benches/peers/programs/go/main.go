// Echo and relay as they are written in Go: a goroutine for each direction. Run with GOMAXPROCS=1.
package main

import (
	"io"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		panic("usage: go echo|relay ADDRESS:PORT")
	}
	listener, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		panic(err)
	}
	for {
		x, err := listener.Accept()
		if err != nil {
			continue
		}
		if os.Args[1] == "echo" {
			go echo(x)
			continue
		}
		y, err := listener.Accept()
		if err != nil {
			x.Close()
			continue
		}
		go relay(x, y)
	}
}

func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, 4096)
	for {
		bytes, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:bytes]); err != nil {
			return
		}
	}
}

func relay(x, y net.Conn) {
	back := make(chan bool)
	go func() {
		carry(y, x)
		back <- true
	}()
	carry(x, y)
	<-back
	x.Close()
	y.Close()
}

// io.Copy between two TCP connections splices.
func carry(from, to net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		from.Close()
		to.Close()
		return
	}
	to.(*net.TCPConn).CloseWrite()
}
