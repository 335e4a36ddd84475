// Command centrifuge serves the workloads with
// github.com/centrifugal/centrifuge, in its JSON protocol.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/centrifugal/centrifuge"

	"github.com/zapsocket/zapsocket/bench/internal/control"
)

func main() {
	node, err := newNode()
	if err != nil {
		fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
	handler := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin:        func(*http.Request) bool { return true },
		UseWriteBufferPool: true,
		ReadBufferSize:     1024,
	})
	control.Main(func(ln net.Listener) error { return http.Serve(ln, handler) })
}

func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{
		// W4 publishes as fast as it can. A client that is 1 MiB behind would
		// be disconnected.
		ClientQueueMaxSize: 1 << 30,
	})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnRPC(func(e centrifuge.RPCEvent, reply centrifuge.RPCCallback) { reply(rpc(node, e)) })
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
			reply(centrifuge.SubscribeReply{}, nil)
		})
		c.OnPublish(func(_ centrifuge.PublishEvent, reply centrifuge.PublishCallback) {
			reply(centrifuge.PublishReply{}, nil)
		})
	})
	return node, node.Run()
}

func rpc(node *centrifuge.Node, e centrifuge.RPCEvent) (centrifuge.RPCReply, error) {
	switch e.Method {
	case "math.add":
		return add(e.Data)
	case "stream":
		return stream(node, e.Data)
	}
	return centrifuge.RPCReply{}, centrifuge.ErrorMethodNotFound
}

func add(data []byte) (centrifuge.RPCReply, error) {
	var in struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return centrifuge.RPCReply{}, centrifuge.ErrorBadRequest
	}
	out, err := json.Marshal(struct {
		Sum int `json:"sum"`
	}{in.A + in.B})
	return centrifuge.RPCReply{Data: out}, err
}

// stream publishes to the channel "stream", which the caller has subscribed
// to: there are no streams that belong to a call.
func stream(node *centrifuge.Node, data []byte) (centrifuge.RPCReply, error) {
	var in struct {
		N int `json:"n"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return centrifuge.RPCReply{}, centrifuge.ErrorBadRequest
	}
	go func() { // ends after in.N items, or with the process
		for i := range in.N {
			if _, err := node.Publish("stream", fmt.Appendf(nil, `{"seq":%d}`, 10_000_000+i)); err != nil {
				return
			}
		}
	}()
	return centrifuge.RPCReply{Data: []byte(`{}`)}, nil
}
