package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/zapsocket/zapsocket/bench/pb"
)

type grpcClient struct{ math pb.MathClient }

func newGRPC(addr string) (client, error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return grpcClient{pb.NewMathClient(conn)}, nil
}

func (c grpcClient) add(ctx context.Context) error {
	r, err := c.math.Add(ctx, &pb.AddRequest{A: 1, B: 2})
	if err != nil {
		return err
	}
	return right(r.Sum)
}

func (c grpcClient) stream(ctx context.Context, each func()) error {
	items, err := c.math.Stream(ctx, &pb.StreamRequest{N: endless})
	if err != nil {
		return err
	}
	for {
		if _, err := items.Recv(); err != nil {
			return err
		}
		each()
	}
}

// right tells a wrong sum of 1 and 2.
func right(sum int64) error {
	if sum != 3 {
		return fmt.Errorf("1 + 2 = %d", sum)
	}
	return nil
}
