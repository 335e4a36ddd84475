// Command grpc serves the workloads with grpc-go, without TLS.
package main

import (
	"context"

	"google.golang.org/grpc"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/pb"
)

func main() {
	server := grpc.NewServer()
	pb.RegisterMathServer(server, calculator{})
	control.Main(server.Serve)
}

type calculator struct{ pb.UnimplementedMathServer }

func (calculator) Add(_ context.Context, in *pb.AddRequest) (*pb.AddResponse, error) {
	return &pb.AddResponse{Sum: in.A + in.B}, nil
}

func (calculator) Stream(in *pb.StreamRequest, out grpc.ServerStreamingServer[pb.Event]) error {
	for i := range in.N {
		if err := out.Send(&pb.Event{Seq: 10_000_000 + i}); err != nil {
			return err
		}
	}
	return nil
}
