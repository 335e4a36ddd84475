package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Lines is a wire.Conn over any stream: a message is a line. JSON as it is sent
// here has no line breaks. A real one bounds the length of a line.
type Lines struct {
	stream net.Conn
	in     *bufio.Reader
}

// NewLines returns one end of a connection over stream.
func NewLines(stream net.Conn) *Lines { return &Lines{stream, bufio.NewReader(stream)} }

// Read returns the next line.
func (l *Lines) Read(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { l.stream.Close() })() // it may become unusable
	line, err := l.in.ReadBytes('\n')
	if err != nil {
		return nil, &wire.CloseError{Code: wire.CloseAbnormal, Reason: err.Error()}
	}
	return line[:len(line)-1], nil
}

// Write sends p as a line.
func (l *Lines) Write(ctx context.Context, p []byte) error {
	defer context.AfterFunc(ctx, func() { l.stream.Close() })()
	_, err := l.stream.Write(append(p[:len(p):len(p)], '\n'))
	return err
}

// Close ends the connection. The stream has no way to tell the other end why.
func (l *Lines) Close(int, string) error { return l.stream.Close() }

// What carries whole messages is a connection: calls, streams and everything
// else go over it, without HTTP and WebSocket.
func ExampleConn() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New()
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))

	ctx := context.Background()
	near, far := net.Pipe()
	served := make(chan error)
	go func() { served <- transport.NewServer(r, nil).ServeConn(ctx, NewLines(far), nil) }() // ends with the connection
	c := client.New(NewLines(near), nil)
	fmt.Println(Greet.Call(ctx, c, "ada"))
	c.Close()
	<-served
	// Output:
	// hello ada <nil>
}
