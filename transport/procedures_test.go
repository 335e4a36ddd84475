package transport_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// The procedures that the tests of this package serve.
const (
	health procedure.Query[struct{}, string]               = "health"
	echo   procedure.Query[jsontext.Value, jsontext.Value] = "echo"
	add    procedure.Query[pair, int]                      = "math.add"
	slow   procedure.Query[int, int]                       = "slow" // sleeps that many milliseconds
	deaf   procedure.Query[int, int]                       = "deaf" // the same, with no regard to its context
	big    procedure.Query[int, string]                    = "big"
	boom   procedure.Query[string, string]                 = "boom"
	params procedure.Query[struct{}, *map[string]string]   = "params"
	me     procedure.Query[struct{}, string]               = "me"
	nobody procedure.Query[struct{}, any]                  = "bad.output"
	meta   procedure.Query[struct{}, map[string]string]    = "meta"

	create procedure.Mutation[user, user]         = "user.create"
	void   procedure.Mutation[struct{}, struct{}] = "void"

	count procedure.Subscription[countIn, int]     = "count"
	ticks procedure.Subscription[ticksIn, int]     = "ticks"
	fails procedure.Subscription[struct{}, string] = "fail"
	stall procedure.Subscription[int, struct{}]    = "stall" // sets up for that many milliseconds

	alert procedure.Event[string] = "alert"
)

type pair struct {
	A *int `json:"a" validate:"required"`
	B *int `json:"b" validate:"required"`
}

type user struct {
	Name  string   `json:"name" validate:"min=2,max=32"`
	Email string   `json:"email" validate:"required,email"`
	Tags  []string `json:"tags,omitempty" validate:"max=3,dive,min=2"`
}

type countIn struct {
	N     int `json:"n" validate:"gte=0"`
	Every int `json:"every,omitzero"`
}

type ticksIn struct {
	Every       int     `json:"every" validate:"gte=1"`
	LastEventID *string `json:"lastEventId,omitzero"`
}

var errSecret = errors.New("secret: /etc/passwd")

func testRouter(hub *transport.Hub) *router.Router {
	r := router.New()
	r.Handle(
		health.Func(func(context.Context, struct{}) (string, error) { return "ok", nil }),
		echo.Func(func(_ context.Context, in jsontext.Value) (jsontext.Value, error) { return in, nil }),
		add.Func(func(_ context.Context, in pair) (int, error) { return *in.A + *in.B, nil }),
		slow.Func(func(ctx context.Context, ms int) (int, error) { return ms, sleep(ctx, ms) }),
		deaf.Func(func(_ context.Context, ms int) (int, error) {
			return ms, sleep(context.Background(), ms)
		}),
		big.Func(func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil }),
		boom.Func(func(_ context.Context, how string) (string, error) {
			switch how {
			case "goexit":
				runtime.Goexit()
			case "error":
				return "", errSecret
			case "code":
				return "", procedure.CodeConflict
			case "own":
				return "", procedure.Code("TEAPOT")
			case "data":
				return "", &procedure.Error{Code: procedure.CodeConflict, Message: "taken", RetryAfter: 1500 * time.Millisecond,
					Data: map[string]any{"by": "bob", "code": "mine"}}
			}
			panic(errSecret)
		}),
		params.Func(func(ctx context.Context, _ struct{}) (*map[string]string, error) {
			if p := procedure.PeerFrom(ctx).Params(); p != nil {
				return &p, nil
			}
			return nil, nil
		}),
		me.Func(func(ctx context.Context, _ struct{}) (string, error) {
			var user string
			err := procedure.Guard(ctx, func(_ context.Context, id procedure.Identity) error {
				if user = id.UserID; user == "" {
					return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
				}
				return nil
			})
			return user, err
		}),
		nobody.Func(func(context.Context, struct{}) (any, error) { return make(chan int), nil }),
		create.Func(func(_ context.Context, in user) (user, error) { return in, nil }),
		void.Func(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }),
		count.Func(func(ctx context.Context, in countIn, out *procedure.Stream[int]) error {
			for i := range in.N {
				if in.Every > 0 {
					if err := sleep(ctx, in.Every); err != nil {
						return err
					}
				}
				if err := out.Send(i); err != nil {
					return err
				}
			}
			return nil
		}),
		ticks.Func(func(ctx context.Context, in ticksIn, out *procedure.Stream[int]) error {
			next := 0
			if after := out.After(); after != "" {
				last, err := strconv.Atoi(after)
				if err != nil {
					return procedure.CodeBadRequest
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
		}),
		fails.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
			if err := out.Send("first"); err != nil {
				return err
			}
			return procedure.Errorf(procedure.CodeForbidden, "no more for you")
		}),
	)
	r.With(setUp).Handle(stall.Func(func(ctx context.Context, _ int, _ *procedure.Stream[struct{}]) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	r.With(keepMeta).Handle(meta.Func(func(ctx context.Context, _ struct{}) (map[string]string, error) {
		m, _ := ctx.Value(metaKey{}).(map[string]string)
		return m, nil
	}))
	if hub != nil {
		r.Handle(alert.From(hub))
	}
	return r
}

type metaKey struct{}

// keepMeta gives the procedure what the caller sent beside the input.
func keepMeta(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		return next.ServeRPC(context.WithValue(ctx, metaKey{}, req.Meta), req, reply)
	})
}

// setUp takes its time before a subscription starts.
func setUp(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		ms, err := procedure.Decode[int](req.Input)
		if err != nil {
			return err
		}
		if err := sleep(ctx, ms); err != nil {
			return err
		}
		return next.ServeRPC(ctx, req, reply)
	})
}

func sleep(ctx context.Context, ms int) error {
	if ms == 0 { // a timer that is due at once crashes the race detector in a synctest bubble, now and then
		return ctx.Err()
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
