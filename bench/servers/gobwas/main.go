// Command gobwas measures github.com/gobwas/ws: the upgrade happens on the bare
// TCP connection, without net/http, and buffers belong to the application.
package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/gobwas/ws"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/raw"
)

var subscribers raw.Subscribers[*conn]

func main() {
	control.Main(func(ln net.Listener) error {
		for {
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			go serve(c) // ends with the connection
		}
	})
}

// A conn writes for several goroutines.
type conn struct {
	net  net.Conn
	mu   sync.Mutex
	free []byte // what the next frame is made in
}

func (c *conn) write(opcode ws.OpCode, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	frame := append(c.free[:0], 0x80|byte(opcode))
	if len(payload) < 126 {
		frame = append(frame, byte(len(payload)))
	} else {
		frame = append(frame, 126, byte(len(payload)>>8), byte(len(payload)))
	}
	c.free = append(frame, payload...)
	_, err := c.net.Write(c.free)
	return err
}

func serve(nc net.Conn) {
	defer nc.Close()
	if _, err := ws.Upgrade(nc); err != nil {
		return
	}
	c := &conn{net: nc}
	defer subscribers.Remove(c)
	in := bufio.NewReader(nc)
	var buffer []byte
	for {
		header, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		if int64(cap(buffer)) < header.Length {
			buffer = make([]byte, header.Length)
		}
		message := buffer[:header.Length]
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		if header.Masked {
			ws.Cipher(message, header.Mask, 0)
		}
		if err := handle(c, header.OpCode, message); err != nil {
			return
		}
	}
}

var errClosed = errors.New("closed by the client")

func handle(c *conn, opcode ws.OpCode, message []byte) error {
	switch {
	case opcode == ws.OpClose:
		return errClosed
	case opcode.IsControl():
		return nil
	}
	switch message[0] {
	case raw.Stream:
		return raw.Items(message, func(item []byte) error { return c.write(ws.OpText, item) })
	case raw.Join:
		subscribers.Add(c)
		return c.write(ws.OpText, []byte(raw.Joined))
	case raw.Publish:
		subscribers.Each(func(s *conn) { s.write(ws.OpText, message[1:]) })
		return nil
	}
	return c.write(opcode, message)
}
