// Command tcp is the limit of what the machine can do: plain TCP, frames of
// four bytes of length and a text. What came with one read is sent back with
// one write; with -perframe each frame is written for itself, as a WebSocket
// library does.
package main

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/raw"
)

const (
	bufferSize = 16 << 10
	maxMessage = 64 << 10
)

var (
	perFrame    = flag.Bool("perframe", false, "write each frame for itself")
	subscribers raw.Subscribers[net.Conn]
)

func main() {
	flag.Parse()
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

func serve(c net.Conn) {
	defer c.Close()
	defer subscribers.Remove(c)
	in, out := bufio.NewReaderSize(c, bufferSize), bufio.NewWriterSize(c, bufferSize)
	buffer := make([]byte, 4+maxMessage)
	for {
		if in.Buffered() < 4 { // the next read blocks
			if err := out.Flush(); err != nil {
				return
			}
		}
		frame, err := readFrame(in, buffer)
		if err != nil {
			return
		}
		if err := handle(c, out, frame); err != nil {
			return
		}
	}
}

func readFrame(in *bufio.Reader, buffer []byte) ([]byte, error) {
	if _, err := io.ReadFull(in, buffer[:4]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(buffer)
	if n > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	frame := buffer[:4+n]
	_, err := io.ReadFull(in, frame[4:])
	return frame, err
}

func handle(c net.Conn, out *bufio.Writer, frame []byte) error {
	switch message := frame[4:]; message[0] {
	case raw.Stream:
		var item []byte
		return raw.Items(message, func(text []byte) error {
			item = append(binary.BigEndian.AppendUint32(item[:0], uint32(len(text))), text...)
			return write(out, item)
		})
	case raw.Join:
		subscribers.Add(c)
		joined := binary.BigEndian.AppendUint32(nil, uint32(len(raw.Joined)))
		_, err := c.Write(append(joined, raw.Joined...))
		return err
	case raw.Publish:
		// The command's own byte makes room for the length.
		published := frame[1:]
		binary.BigEndian.PutUint32(published, uint32(len(message)-1))
		subscribers.Each(func(s net.Conn) { s.Write(published) })
		return nil
	}
	return write(out, frame)
}

func write(out *bufio.Writer, frame []byte) error {
	if _, err := out.Write(frame); err != nil {
		return err
	}
	if *perFrame {
		return out.Flush()
	}
	return nil
}
