package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/zapsocket/zapsocket/bench/pb"
	"github.com/zapsocket/zapsocket/bench/pb/pbconnect"
)

// newClient returns a client that speaks what wire says. Each has connections
// of its own.
func newClient(wire, addr string) (client, error) {
	protocols := new(http.Protocols)
	var options []connect.ClientOption
	switch wire {
	case "grpc":
		return newGRPC(addr)
	case "connect-proto":
		protocols.SetUnencryptedHTTP2(true)
	case "connect-json":
		protocols.SetUnencryptedHTTP2(true)
		options = append(options, connect.WithProtoJSON())
	case "connect-json-h1":
		protocols.SetHTTP1(true)
		options = append(options, connect.WithProtoJSON())
	default:
		return nil, fmt.Errorf("there is no wire %q", wire)
	}
	if !strings.HasPrefix(addr, "127.") {
		return nil, fmt.Errorf("%s is not on the loopback", addr)
	}
	transport := &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 64}
	return connectClient{pbconnect.NewMathClient(&http.Client{Transport: transport}, "http://"+addr, options...)}, nil
}

type connectClient struct{ math pbconnect.MathClient }

func (c connectClient) add(ctx context.Context) error {
	r, err := c.math.Add(ctx, connect.NewRequest(&pb.AddRequest{A: 1, B: 2}))
	if err != nil {
		return err
	}
	return right(r.Msg.Sum)
}

func (c connectClient) stream(ctx context.Context, each func()) error {
	items, err := c.math.Stream(ctx, connect.NewRequest(&pb.StreamRequest{N: endless}))
	if err != nil {
		return err
	}
	for items.Receive() {
		each()
	}
	return items.Err()
}
