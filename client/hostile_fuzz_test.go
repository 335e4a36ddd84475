package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// fuzzLimits are small, so that a fuzzer finds them.
var fuzzLimits = wire.Limits{Message: 8 << 10, Depth: 16, StreamItems: 8, StreamBytes: 1 << 10, PingBurst: 4, ControlPingBurst: 4, ProbeAfter: -1}

// FuzzServer is a server that sends any messages, one a line, to a client of
// which a query, a mutation and a subscription wait with the ids 1, 2 and 3.
// Whatever comes, they end with their context at the latest, and so does all
// that belongs to the client.
func FuzzServer(f *testing.F) {
	for _, m := range hostileMessages {
		for _, text := range m.messages {
			if len(text) < 1000 {
				f.Add([]byte(text))
			}
		}
	}
	for _, script := range []string{
		`{"id":1,"result":{"data":"ok"}}` + "\n" + `{"id":2,"result":{"type":"data"}}` + "\n" + `{"id":3,"result":{"type":"stopped"}}`,
		`{"id":3,"result":{"type":"started"}}` + "\n" + `{"id":3,"result":{"type":"data","id":"7","data":{"id":"7","data":[1]},"dropped":3}}` + "\n" + `{"id":3,"error":{"code":-32003}}`,
		`{"id":1,"error":{"message":"no","code":-32603,"data":{"code":"NOT_FOUND","retryAfterMs":5,"fields":[{"path":"a","rule":"min"}],"more":{"a":[]}}}}`,
		`{"id":null,"method":"reconnect","params":{"afterMs":5}}` + "\nPING\nPONG\nPING\nPING\nPING\nPING\nPING",
		`{"id":null,"error":{"message":"go away","code":-32001}}`,
		"\"\xff\xfe\"",
	} {
		f.Add([]byte(script))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		near, far := wire.Pipe()
		c := client.New(near, &client.Options{Limits: fuzzLimits})
		calls := waitWithThree(t, c)
		for range 3 {
			_, err := far.Read(context.Background())
			require.NoError(t, err)
		}
		lines := append(bytes.Split(script, []byte("\n")), []byte("PING"))
		pongs := 0
		for _, line := range lines {
			if string(line) == "PING" {
				pongs++
			}
		}
		read := make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() { // ends when the client is closed
			defer func() {
				if pongs > 0 {
					close(read)
				}
			}()
			for {
				m, err := far.Read(context.Background())
				if err != nil {
					return
				}
				if string(m) == "PONG" {
					if pongs--; pongs == 0 {
						close(read)
					}
				}
			}
		})
		for _, line := range lines {
			if far.Write(context.Background(), line) != nil {
				break // the client has left
			}
		}
		<-read
		calls()
		require.NoError(t, c.Close())
		reader.Wait()
	})
}

// FuzzFrames is the same below: a server that sends any bytes behind the
// upgrade.
func FuzzFrames(f *testing.F) {
	for _, tt := range hostileFrames {
		f.Add(tt.bytes[:min(len(tt.bytes), 1000)])
	}
	for _, m := range hostileMessages {
		f.Add(hostileFrame(finBit|opcodeText, m.messages[0][:min(len(m.messages[0]), 1000)]))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		near, far := net.Pipe()
		server := &hostileConn{conn: far}
		var serving sync.WaitGroup
		upgraded, written := make(chan struct{}), make(chan struct{})
		serving.Go(func() { // ends when the client has left
			defer far.Close()
			server.read()
			io.WriteString(far, server.accept("Sec-WebSocket-Protocol: zapsocket.v1"))
			serving.Go(func() { io.Copy(io.Discard, server.br) }) // ends when far does
			<-upgraded
			far.Write(script) // fails if the client has left
			close(written)
		})
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
		c, err := client.Dial(t.Context(), "ws://in.memory", &client.Options{
			Limits: fuzzLimits, HTTPClient: &http.Client{Transport: transport},
			Endpoint: func(_ context.Context, attempt int) (client.Endpoint, error) {
				if attempt > 1 {
					return client.Endpoint{}, errors.New("once only")
				}
				return client.Endpoint{}, nil
			},
		})
		require.NoError(t, err)
		calls := waitWithThree(t, c)
		close(upgraded)
		<-written
		calls()
		far.Close()
		require.NoError(t, c.Close())
		serving.Wait()
	})
}

// waitWithThree has a query, a mutation and a subscription wait for a server.
// The function it returns has them end, and checks how.
func waitWithThree(t *testing.T, c *client.Client) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for i, kind := range []procedure.Kind{procedure.KindQuery, procedure.KindMutation, procedure.KindSubscription} {
		req := &procedure.Request{Name: "any", Kind: kind, After: "6"}
		calls.Go(func() { // ends with ctx
			replies := 0
			err := c.ServeRPC(ctx, req, func(m procedure.Message) error {
				if m.Type == procedure.TypeData {
					replies++
					procedure.Decode[any](m.Body) // fails, perhaps
				}
				return nil
			})
			var e *procedure.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%v: %v is no *procedure.Error", kind, err)
			}
			if kind != procedure.KindSubscription && (replies > 1 || (replies == 1) == (err != nil)) {
				t.Errorf("%v: %d replies and %v", kind, replies, err)
			}
		})
		for c.Stats().Calls+c.Stats().Subscriptions <= i { // so that ids are in order
			runtime.Gosched()
		}
	}
	return func() {
		cancel()
		calls.Wait()
	}
}
