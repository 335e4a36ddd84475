package client_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
)

// answerer returns a client of a server that answers each call with {"sum":3}
// and, beyond its first, allocates nothing: what is counted is the client's.
func answerer(tb testing.TB) *client.Client {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	done := make(chan error, 1)
	go func() { // ends with the client's connection
		conn, err := l.Accept()
		if err == nil {
			err = answerAll(conn)
			conn.Close()
		}
		done <- err
	}()
	c, err := client.Dial(tb.Context(), "ws://"+l.Addr().String(), nil)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		l.Close()
		c.Close()
		require.NoError(tb, <-done)
	})
	return c
}

// answerAll serves small calls until it is sent another frame than a text, such
// as a close. What has come together is answered together.
func answerAll(conn net.Conn) error {
	in, out := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriterSize(conn, 64<<10)
	upgrade, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	key := sha1.Sum([]byte(upgrade.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Protocol: zapsocket.v1\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(key[:]))
	var frame, answer []byte
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		header, err := in.Peek(6)
		if err == io.EOF || err == nil && header[0] != 0x81 {
			return nil
		}
		if err != nil {
			return err
		}
		key := [4]byte(header[2:])
		n := int(header[1] & 0x7f) // less than 126
		in.Discard(6)
		frame = append(frame[:0], make([]byte, n)...)
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		for i := range frame {
			frame[i] ^= key[i&3]
		}
		id, _, _ := bytes.Cut(frame[len(`{"id":`):], []byte(","))
		answer = append(append(append(answer[:0], "\x81?"+`{"id":`...), id...), `,"result":{"type":"data","data":{"sum":3}}}`...)
		answer[1] = byte(len(answer) - 2)
		out.Write(answer)
	}
}
