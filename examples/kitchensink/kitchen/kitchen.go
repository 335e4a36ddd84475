// Package kitchen implements the procedures of kitchenapi.
package kitchen

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zapsocket/zapsocket/examples/kitchensink/kitchenapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// NewServer returns a server of all procedures, with a hub for what is
// published.
func NewServer() *transport.Server {
	hub := transport.NewHub()
	return transport.NewServer(NewRouter(hub), &transport.ServerOptions{Hub: hub, Authenticate: authenticate})
}

// NewRouter returns a router of all procedures.
func NewRouter(hub *transport.Hub) *router.Router {
	r := router.New(middleware.Recover(nil))
	r.Handle(
		kitchenapi.Health.Func(health),
		kitchenapi.Echo.Func(echo),
		kitchenapi.Add.Func(add),
		kitchenapi.Div.Func(div),
		kitchenapi.Boom.Func(boom),
		kitchenapi.Slow.Func(slow),
		kitchenapi.Big.Func(big),
		kitchenapi.WhoAmI.Func(whoAmI),
		kitchenapi.Create.Func(create),
		kitchenapi.Void.Func(void),
		kitchenapi.Publish.Func(publisher(hub)),
		kitchenapi.Count.Func(count),
		kitchenapi.Ticks.Func(ticks),
		kitchenapi.Fail.Func(fail),
		kitchenapi.Stream.Func(stream),
		kitchenapi.Bench.From(hub),
	)
	r.With(middleware.Require(signedIn)).Handle(kitchenapi.Me.Func(me))
	return r
}

// authenticate knows one token. Without a token the client is anonymous; a
// wrong one is kept for the procedures that ask.
func authenticate(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
	switch token, sent := h.Params["token"]; {
	case !sent:
		return procedure.Identity{}, nil
	case token == "secret":
		return procedure.Identity{UserID: "ada"}, nil
	}
	return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
}

func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
	}
	return nil
}

func health(context.Context, struct{}) (string, error) { return "ok", nil }

func echo(_ context.Context, in kitchenapi.EchoValue) (kitchenapi.EchoValue, error) { return in, nil }

func add(_ context.Context, in kitchenapi.Pair) (kitchenapi.Sum, error) {
	return kitchenapi.Sum{Sum: *in.A + *in.B}, nil
}

func div(_ context.Context, in kitchenapi.Pair) (kitchenapi.Quotient, error) {
	if *in.B == 0 {
		return kitchenapi.Quotient{}, procedure.Errorf(procedure.CodeBadRequest, "division by zero")
	}
	return kitchenapi.Quotient{Quotient: *in.A / *in.B}, nil
}

func boom(context.Context, struct{}) (string, error) { panic("kaboom-internal") }

func slow(ctx context.Context, in kitchenapi.SlowIn) (kitchenapi.Slept, error) {
	return kitchenapi.Slept{Slept: *in.MS}, sleep(ctx, *in.MS)
}

// sleep sleeps for ms milliseconds, or until ctx ends.
func sleep(ctx context.Context, ms int) error {
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func big(_ context.Context, in kitchenapi.BigIn) (string, error) {
	return strings.Repeat("x", *in.Size), nil
}

func whoAmI(ctx context.Context, _ struct{}) (info kitchenapi.ConnectionInfo, err error) {
	if peer := procedure.PeerFrom(ctx); peer != nil && peer.Params() != nil {
		params := peer.Params()
		info.Params = &params
	}
	return info, nil
}

func me(ctx context.Context, _ struct{}) (kitchenapi.Profile, error) {
	return kitchenapi.Profile{Name: procedure.IdentityFrom(ctx).UserID}, nil
}

func create(_ context.Context, in kitchenapi.NewUser) (kitchenapi.User, error) {
	return kitchenapi.User{ID: uuid.New(), NewUser: in}, nil
}

func void(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }

func publisher(hub *transport.Hub) func(context.Context, kitchenapi.Sequence) (struct{}, error) {
	return func(ctx context.Context, in kitchenapi.Sequence) (struct{}, error) {
		_, err := kitchenapi.Bench.Push(ctx, hub, in)
		return struct{}{}, err
	}
}

func count(ctx context.Context, in kitchenapi.CountIn, out *procedure.Stream[int]) error {
	for i := range *in.N {
		if in.DelayMS > 0 {
			if err := sleep(ctx, in.DelayMS); err != nil {
				return err
			}
		}
		if err := out.Send(i); err != nil {
			return err
		}
	}
	return nil
}

func ticks(ctx context.Context, in kitchenapi.TicksIn, out *procedure.Stream[int]) error {
	next := 0
	if after := out.After(); after != "" {
		last, err := strconv.Atoi(after)
		if err != nil {
			return procedure.Errorf(procedure.CodeBadRequest, "lastEventId %q is not the number of a tick", after)
		}
		next = last + 1
	}
	for ; ; next++ {
		if err := sleep(ctx, in.Every); err != nil {
			return err
		}
		if err := out.SendTracked(strconv.Itoa(next), next); err != nil {
			return err
		}
	}
}

func fail(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
	if err := out.Send("first"); err != nil {
		return err
	}
	return procedure.Errorf(procedure.CodeForbidden, "no more for you")
}

func stream(_ context.Context, in kitchenapi.StreamIn, out *procedure.Stream[kitchenapi.Sequence]) error {
	for i := range in.N {
		if err := out.Send(kitchenapi.Sequence{Seq: i}); err != nil {
			return err
		}
	}
	return nil
}
