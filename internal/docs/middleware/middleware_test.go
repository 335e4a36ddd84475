package middleware

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/billingapi"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	quiet = slog.New(slog.DiscardHandler)
	attic = roomapi.CreateIn{Name: "attic", Owner: "ada@example.com"}
)

// serve serves h, and logs nothing of its own.
func serve(t *testing.T, h procedure.Handler) *rpctest.Server {
	return rpctest.NewServer(t, h, &transport.ServerOptions{Logger: quiet})
}

// with returns the options of a client that has a token.
func with(token string) *client.Options {
	return &client.Options{Params: map[string]string{"token": token}}
}

func find(ctx context.Context, h procedure.Handler) error {
	_, err := roomapi.Find.Call(ctx, h, roomapi.FindIn{Text: "go"})
	return err
}

func create(ctx context.Context, h procedure.Handler) error {
	_, err := roomapi.Create.Call(ctx, h, attic)
	return err
}

// A journal is a log that is read. It leaves out what is different each time.
type journal struct{ bytes.Buffer }

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&j.Buffer, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "duration", "stack":
			return slog.Attr{}
		}
		return a
	}}))
}

// lines returns what was logged since it was asked last.
func (j *journal) lines() []string {
	defer j.Reset()
	return strings.Split(strings.TrimSuffix(j.String(), "\n"), "\n")
}

// sessions is a store whose tokens are the names of users.
type sessions map[string]*Session

func (s sessions) Session(_ context.Context, token string) (*Session, error) {
	if session := s[token]; session != nil {
		return session, nil
	}
	return nil, sql.ErrNoRows
}

func newService() *service {
	return &service{store: sessions{"ada": {User: "ada"}, "bob": {User: "bob", Guest: true}}}
}

// The order of the page, over the wire.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		svc := newService()
		s := serve(t, newRouter(svc, log.logger()))
		stranger, member := s.Client(nil), s.Client(with("ada"))
		logged := func() string {
			synctest.Wait() // an answer goes out before its record
			lines := log.lines()
			require.Len(t, lines, 1)
			return lines[0]
		}

		_, err := roomapi.Create.Call(t.Context(), stranger, roomapi.CreateIn{})
		require.ErrorIs(t, err, procedure.CodeUnauthorized, "and not what is wrong with the input")
		require.Contains(t, logged(), "code=UNAUTHORIZED")
		_, err = roomapi.Create.Call(t.Context(), member, roomapi.CreateIn{})
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		require.Contains(t, logged(), "code=BAD_REQUEST")
		require.NoError(t, create(t.Context(), member))
		require.NotContains(t, logged(), "user=", "Logger is outside of Auth")

		svc.store = nil // verify panics, of which Recover writes a record, too
		require.ErrorIs(t, find(t.Context(), s.Client(with("eve"))), procedure.CodeInternalServerError)
		synctest.Wait()
		lines := log.lines()
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], "msg=panic")
		require.Contains(t, lines[1], "msg=rpc")
	})
}

// What one value wraps is counted together: a connection's calls of
// everything, and the uploads of all connections.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := newService()
		s := serve(t, newRouter(svc, quiet))
		first, second := s.Client(with("ada")), s.Client(with("ada"))
		for i := range 50 {
			call := find
			if i%2 == 0 {
				call = create
			}
			require.NoError(t, call(t.Context(), first))
		}
		require.ErrorIs(t, find(t.Context(), first), procedure.CodeTooManyRequests)
		require.ErrorIs(t, create(t.Context(), first), procedure.CodeTooManyRequests)
		require.NoError(t, find(t.Context(), second))
		time.Sleep(time.Second)

		svc.work = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		upload := func(c *client.Client) error {
			_, err := roomapi.Upload.Call(t.Context(), c, roomapi.UploadIn{ID: "7"})
			return err
		}
		uploaded := make(chan error)
		for _, c := range []*client.Client{first, first, second, second} {
			go func() { uploaded <- upload(c) }() // ends with the two seconds of its Timeout
		}
		synctest.Wait()
		require.ErrorIs(t, upload(first), procedure.CodeTooManyRequests)
		svc.work = nil
		require.NoError(t, create(t.Context(), first))
		for range 4 {
			require.ErrorIs(t, <-uploaded, procedure.CodeTimeout)
		}
		require.NoError(t, upload(first))
	})
}

// A router's middleware runs for what it has, merges and mounts, and not for
// names that nobody has.
func TestReach(t *testing.T) {
	var seen []string
	see := func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			seen = append(seen, req.Name)
			return next.ServeRPC(ctx, req, reply)
		})
	}
	svc := newService()
	rooms, billing := router.New(), router.New()
	rooms.Handle(roomapi.Create.Func(svc.create))
	billing.Handle(billingapi.Sum.Func(func(context.Context, billingapi.SumIn) (out billingapi.Amount, err error) { return }))
	r := router.New()
	r.Handle(roomapi.Upload.Func(svc.upload)) // stays without
	view := r.With(see)
	view.Handle(roomapi.Find.Func(svc.find))
	view.Merge(rooms)
	view.Mount("billing", billing)

	calls := func(h procedure.Handler) []string {
		seen = nil
		require.NoError(t, find(t.Context(), h))
		require.NoError(t, create(t.Context(), h))
		_, err := billingapi.Sum.Call(t.Context(), procedure.Prefix("billing", h), billingapi.SumIn{Account: "ada"})
		require.NoError(t, err)
		_, err = roomapi.Upload.Call(t.Context(), h, roomapi.UploadIn{ID: "7"})
		require.NoError(t, err)
		_, err = roomapi.Get.Call(t.Context(), h, roomapi.GetIn{ID: "7"})
		require.ErrorIs(t, err, procedure.CodeNotFound)
		return seen
	}
	require.Equal(t, []string{"room.find", "room.create", "billing.sum"}, calls(r))
	require.Equal(t, []string{"room.find", "room.find", "room.create", "room.create", "billing.sum", "billing.sum", "room.upload", "room.get"}, calls(procedure.Chain(r, see)))
}

// answering returns a router whose room.get fails with err.
func answering(err error, mw ...procedure.Middleware) *router.Router {
	r := router.New(mw...)
	r.Handle(roomapi.Get.Func(func(context.Context, roomapi.GetIn) (roomapi.Room, error) { return roomapi.Room{}, err }))
	return r
}

func get(ctx context.Context, h procedure.Handler) error {
	_, err := roomapi.Get.Call(ctx, h, roomapi.GetIn{ID: "8"})
	return err
}

// The record on the page is one that Logger writes.
func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		s := rpctest.NewServer(t, answering(procedure.Errorf(procedure.CodeNotFound, "no room %q", "8"), middleware.Logger(log.logger())),
			&transport.ServerOptions{Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
				return procedure.Identity{UserID: "ann"}, nil
			}})
		require.ErrorIs(t, get(t.Context(), s.Client(nil)), procedure.CodeNotFound)
		synctest.Wait()
		record := log.lines()[0]
		page, err := os.ReadFile("../../../docs/middleware.md")
		require.NoError(t, err)
		for line := range strings.Lines(string(page)) {
			if strings.HasPrefix(line, "level=") {
				line = strings.Replace(line, " duration=1.2ms", "", 1)
				require.Regexp(t, strings.Replace(regexp.QuoteMeta(strings.TrimSpace(line)), `0199\.\.\.`, `[0-9a-f-]{36}`, 1)+"$", record)
				return
			}
		}
		t.Error("there is no record on the page")
	})
}

func TestLevels(t *testing.T) {
	var log journal
	hidden := errors.New("no such column")
	for err, want := range map[error]string{
		nil:                           "level=INFO",
		context.Canceled:              "level=INFO",
		procedure.CodeNotFound:        "level=WARN",
		procedure.CodeTooManyRequests: "level=WARN",
		procedure.CodeBadGateway:      "level=ERROR",
		hidden:                        "level=ERROR",
	} {
		told := get(t.Context(), answering(err, middleware.Logger(log.logger())))
		record := log.lines()[0]
		require.Contains(t, record, want, "%v", err)
		if err == hidden {
			require.Equal(t, "Internal server error", procedure.AsError(told).Message)
			require.Contains(t, record, `error="no such column"`)
			require.NotEmpty(t, procedure.AsError(told).LogID)
			require.Contains(t, record, "logId="+procedure.AsError(told).LogID)
		}
	}
}

func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inner, outer journal
		var end func()
		r := router.New(middleware.Logger(outer.logger()), middleware.Recover(inner.logger()))
		r.Handle(roomapi.Find.Func(func(context.Context, roomapi.FindIn) ([]roomapi.Room, error) {
			end()
			return nil, nil
		}))
		end = func() { panic("at the disco") }
		require.ErrorIs(t, find(t.Context(), r), procedure.CodeInternalServerError, "in the process, too")
		require.Contains(t, inner.lines()[0], `panic="at the disco"`)
		require.Contains(t, outer.lines()[0], "logId=", "an error like any other")

		end = runtime.Goexit
		c := serve(t, r).Client(nil)
		require.ErrorIs(t, find(t.Context(), c), procedure.CodeInternalServerError)
		synctest.Wait()
		require.Empty(t, inner.lines()[0], "it passes")
		require.Contains(t, outer.lines()[0], "Goexit")

		// The transport survives without.
		bare := router.New()
		bare.Handle(roomapi.Find.Func(func(context.Context, roomapi.FindIn) ([]roomapi.Room, error) { panic("again") }))
		bare.Handle(roomapi.Create.Func(newService().create))
		c = serve(t, bare).Client(nil)
		require.ErrorIs(t, find(t.Context(), c), procedure.CodeInternalServerError)
		require.NoError(t, create(t.Context(), c))
	})
}

func TestMaintenanceMode(t *testing.T) {
	var on atomic.Bool
	svc := newService()
	r := router.New(MaintenanceMode(&on))
	r.Handle(roomapi.Find.Func(svc.find), roomapi.Create.Func(svc.create))
	require.NoError(t, create(t.Context(), r))
	on.Store(true)
	require.NoError(t, find(t.Context(), r))
	require.EqualError(t, create(t.Context(), r), "SERVICE_UNAVAILABLE: read only for now")
}

// A middleware of one's own: when its functions run, and what its reply sees.
func TestWriting(t *testing.T) {
	type seenKey struct{}
	wrapped, deferred := 0, 0
	var replies []procedure.MessageType
	own := func(next procedure.Handler) procedure.Handler {
		wrapped++
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			defer func() { deferred++ }()
			if p := procedure.PeerFrom(ctx); p != nil {
				seen, _ := p.Value(seenKey{}).(int)
				p.SetValue(seenKey{}, seen+1)
			}
			changed := *req
			changed.Meta = map[string]string{"changed": "yes"}
			return next.ServeRPC(ctx, &changed, func(m procedure.Message) error {
				replies = append(replies, m.Type)
				return reply(m)
			})
		})
	}
	var calls int
	r := router.New(own)
	r.Handle(
		roomapi.Get.Func(func(ctx context.Context, in roomapi.GetIn) (roomapi.Room, error) {
			calls, _ = procedure.PeerFrom(ctx).Value(seenKey{}).(int)
			return roomapi.Room{}, nil
		}),
		roomapi.Find.Func(func(context.Context, roomapi.FindIn) ([]roomapi.Room, error) {
			runtime.Goexit()
			return nil, nil
		}),
		roomapi.Ticks.Func(func(_ context.Context, _ roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
			return out.Send(roomapi.Tick{N: 1})
		}),
	)
	require.Equal(t, 3, wrapped, "once per procedure")
	merged, mounted := router.New(), router.New(own)
	merged.Handle(roomapi.Create.Func(newService().create), roomapi.Upload.Func(newService().upload))
	r.Merge(merged)
	mounted.Mount("rooms", router.New())
	require.Equal(t, 5, wrapped)

	c := serve(t, r).Client(nil)
	for _, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
		require.NoError(t, err)
	}
	require.Equal(t, []procedure.MessageType{procedure.TypeStarted, procedure.TypeData}, replies)
	require.ErrorIs(t, find(t.Context(), c), procedure.CodeInternalServerError)
	require.Equal(t, 2, deferred)
	require.NoError(t, get(t.Context(), c))
	require.Equal(t, 3, calls, "of this connection")
}
