// Command connect serves the workloads with connect-go, over HTTP/1.1 and
// HTTP/2 without TLS. The client chooses, and whether it sends JSON.
package main

import (
	"context"
	"net"
	"net/http"

	"connectrpc.com/connect"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/pb"
	"github.com/zapsocket/zapsocket/bench/pb/pbconnect"
)

func main() {
	mux := http.NewServeMux()
	mux.Handle(pbconnect.NewMathHandler(calculator{}))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols}
	control.Main(func(ln net.Listener) error { return server.Serve(ln) })
}

type calculator struct{}

func (calculator) Add(_ context.Context, r *connect.Request[pb.AddRequest]) (*connect.Response[pb.AddResponse], error) {
	return connect.NewResponse(&pb.AddResponse{Sum: r.Msg.A + r.Msg.B}), nil
}

func (calculator) Stream(_ context.Context, r *connect.Request[pb.StreamRequest], out *connect.ServerStream[pb.Event]) error {
	for i := range r.Msg.N {
		if err := out.Send(&pb.Event{Seq: 10_000_000 + i}); err != nil {
			return err
		}
	}
	return nil
}
