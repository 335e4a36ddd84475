// Package limits holds the code of docs/limits.md.
package limits

import (
	"context"
	"net/netip"

	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

var options = &transport.ServerOptions{
	Limits: wire.Limits{
		Input:        8 << 20, // larger uploads
		Message:      9 << 20, // and messages that hold them
		Conns:        20_000,
		ConnsPerUser: 50,
		Batch:        -1, // no limit
	},
}

type service struct{ size int }

func (s *service) upload(_ context.Context, in roomapi.UploadIn) (struct{}, error) {
	s.size = len(in.Picture)
	return struct{}{}, nil
}

func register(r *router.Router, svc *service) {
	r.Handle(roomapi.Upload.Func(svc.upload).With(procedure.Options{MaxInput: 3 << 20}))
}

var behindProxy = &transport.ServerOptions{
	TrustedProxies: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28")},
	Origins:        []string{"https://app.example.com"},
	Hosts:          []string{"rpc.example.com"},
	Limits:         wire.Limits{ConnsPerUser: 50},
}
