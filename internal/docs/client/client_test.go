package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strconv"
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
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rooms answers at once, except that "slow" takes an hour or as long as it may.
// Its ticks come once a second.
func rooms() *router.Router {
	slow := func(ctx context.Context, id string) error {
		if id != "slow" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Hour):
			return nil
		}
	}
	r := router.New()
	r.Handle(
		roomapi.Get.Func(func(ctx context.Context, in roomapi.GetIn) (roomapi.Room, error) {
			return roomapi.Room{ID: in.ID, Name: "lobby"}, slow(ctx, in.ID)
		}),
		roomapi.Create.Func(func(ctx context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
			return roomapi.Room{Name: in.Name}, slow(ctx, in.Name)
		}),
		roomapi.Ticks.Func(func(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
			n, _ := strconv.Atoi(out.After())
			for n++; n <= in.Count; n++ {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Second):
				}
				if err := out.SendTracked(strconv.Itoa(n), roomapi.Tick{N: n}); err != nil {
					return err
				}
			}
			return nil
		}),
	)
	return r
}

func Example_dial() {
	web := httptest.NewServer(transport.NewServer(rooms(), nil))
	defer web.Close()
	fmt.Println(dial(context.Background(), web.URL, "7"))
	fmt.Println(errors.Is(dial(context.Background(), web.URL+":0", "7"), procedure.CodeServiceUnavailable))
	// Output:
	// lobby
	// <nil>
	// true
}

func TestDialIsRefused(t *testing.T) {
	server := transport.NewServer(rooms(), &transport.ServerOptions{
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			if h.Request.Header.Get("Authorization") == "" {
				return procedure.Identity{}, transport.Refuse(procedure.CodeUnauthorized)
			}
			return procedure.Identity{}, nil
		},
	})
	web := httptest.NewServer(server)
	defer web.Close()
	require.ErrorIs(t, dial(t.Context(), web.URL, "7"), procedure.CodeUnauthorized)
	c, err := client.Dial(t.Context(), web.URL, &client.Options{Header: options.Header, Params: options.Params, Middleware: []procedure.Middleware{traced}})
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// What becomes of what is under way when the connection is lost.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, rooms(), nil)
		var log bytes.Buffer
		c := s.Client(&client.Options{Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Second }})
		watching := make(chan struct{})
		go func() { // ends with the client
			defer close(watching)
			watch(t.Context(), c, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey {
					return slog.Attr{}
				}
				return a
			}})))
		}()

		created := make(chan error, 1)
		go func() { created <- create(t.Context(), c, roomapi.CreateIn{Name: "slow", Owner: "ada@example.com"}) }() // ends with the connection
		got := make(chan error, 1)
		go func() { // ends with its deadline
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := roomapi.Get.Call(ctx, c, roomapi.GetIn{ID: "slow"})
			got <- err
		}()
		synctest.Wait()

		var ticks []int
		for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 6}) {
			require.NoError(t, err)
			ticks = append(ticks, tick.N)
			if tick.N == 3 {
				s.Refuse(errors.New("still down"))
				s.Inject(rpctest.Cut)
				require.ErrorIs(t, <-created, client.ErrConnectionLost)
				time.Sleep(1500 * time.Millisecond)
				s.Refuse(nil)
			}
		}
		require.Equal(t, []int{1, 2, 3, 4, 5, 6}, ticks)
		require.ErrorIs(t, <-got, procedure.CodeTimeout, "it was asked again")
		c.Close()
		<-watching
		states := strings.TrimPrefix(log.String(), "status=opening attempt=1 cause=<nil>\n") // if the client was not open yet
		require.Equal(t, strings.TrimLeft(`
status=open attempt=0 cause=<nil>
status=reconnecting attempt=1 cause="unexpected EOF"
status=reconnecting attempt=2 cause="SERVICE_UNAVAILABLE: connection to the server is not available: still down"
status=open attempt=0 cause=<nil>
status=closed attempt=0 cause="client is closed"
`, "\n"), states)
	})
}

// A query is asked three times.
func TestQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, rooms(), nil)
		c := s.Client(nil)
		for _, id := range []string{"7", "slow"} {
			done := make(chan error, 1)
			go func() { // ends with its third connection
				_, err := roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: id})
				done <- err
			}()
			if id == "7" {
				require.NoError(t, <-done)
				continue
			}
			for range 3 {
				time.Sleep(time.Minute)
				s.Inject(rpctest.Cut)
			}
			require.ErrorIs(t, <-done, client.ErrConnectionLost)
		}
	})
}

func TestOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, rooms(), nil)
		patient, hasty := s.Client(nil), s.Client(&client.Options{MaxWaiting: options.MaxWaiting})
		s.Refuse(errors.New("down"))
		s.Inject(rpctest.Cut)
		synctest.Wait()
		_, err := roomapi.Get.Call(t.Context(), hasty, roomapi.GetIn{ID: "7"})
		require.ErrorIs(t, err, client.ErrOffline)
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		_, err = deadline(t.Context(), patient)
		require.ErrorIs(t, err, procedure.CodeTimeout)
		time.AfterFunc(time.Minute, func() { s.Refuse(nil) })
		_, err = roomapi.Create.Call(t.Context(), patient, roomapi.CreateIn{Name: "attic", Owner: "ada@example.com"})
		require.NoError(t, err, "a mutation that was never sent waits, too")
	})
}

// Credentials that are refused end what waits; the next ones let it in.
func TestRenewing(t *testing.T) {
	server := transport.NewServer(rooms(), &transport.ServerOptions{
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			if h.Params["token"] != "fresh" {
				return procedure.Identity{}, transport.Refuse(procedure.CodeUnauthorized)
			}
			return procedure.Identity{}, nil
		},
	})
	web := httptest.NewServer(server)
	defer web.Close()
	var renewed atomic.Bool
	c, err := renewing(t.Context(), web.URL, tokens(func(context.Context) (string, error) {
		if renewed.Load() {
			return "fresh", nil
		}
		return "stale", nil
	}))
	require.NoError(t, err, "params are judged after the connection is open")
	defer c.Close()
	_, err = roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	renewed.Store(true)
	for err = procedure.CodeUnauthorized; errors.Is(err, procedure.CodeUnauthorized); { // until the stale token is forgotten
		_, err = roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
	}
	require.NoError(t, err)
}

type tokens func(context.Context) (string, error)

func (f tokens) Token(ctx context.Context) (string, error) { return f(ctx) }

// The deadline ends both ends' contexts, and so does a cancel.
func TestCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		r := router.New()
		r.Handle(roomapi.Get.Func(func(ctx context.Context, _ roomapi.GetIn) (roomapi.Room, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return roomapi.Room{}, ctx.Err()
		}))
		c := rpctest.Client(t, r)
		_, err := deadline(t.Context(), c)
		require.ErrorIs(t, err, procedure.CodeTimeout) // the client's, or the server's
		require.ErrorIs(t, <-ended, context.DeadlineExceeded)

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = roomapi.Get.Call(ctx, c, roomapi.GetIn{ID: "7"})
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestMeta(t *testing.T) {
	var got string
	r := router.New(func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			got = req.Meta["trace"]
			return next.ServeRPC(ctx, req, reply)
		})
	})
	r.Merge(rooms())
	c := rpctest.NewServer(t, r, nil).Client(&client.Options{Middleware: []procedure.Middleware{traced}})
	_, err := roomapi.Get.Call(context.WithValue(t.Context(), traceKey{}, "00-4bf9"), c, roomapi.GetIn{ID: "7"})
	require.NoError(t, err)
	require.Equal(t, "00-4bf9", got)
}

// A loop that is slow holds the function back, and nobody else.
func TestFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		const Count procedure.Subscription[struct{}, int] = "count"
		r := rooms()
		r.Handle(Count.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
			for ; ; sent++ {
				if err := out.Send(sent); err != nil {
					return err
				}
			}
		}))
		c := rpctest.Client(t, r)
		next := 0
		for n, err := range Count.Subscribe(t.Context(), c, struct{}{}) {
			require.NoError(t, err)
			require.Equal(t, next, n)
			next++
			_, err := roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
			require.NoError(t, err)
			if synctest.Wait(); n == 2000 {
				break
			}
			require.Less(t, sent-n, 1000)
		}
	})
}

func TestGateway(t *testing.T) {
	upstream := router.New()
	upstream.Handle(billingapi.Sum.Func(func(_ context.Context, in billingapi.SumIn) (billingapi.Amount, error) {
		if in.Account != "ada" {
			return billingapi.Amount{}, procedure.Errorf(procedure.CodeNotFound, "no account %q", in.Account)
		}
		return billingapi.Amount{Cents: 7}, nil
	}))
	h := procedure.Prefix("billing", gateway(rpctest.Client(t, upstream)))
	_, err := billingapi.Sum.Call(t.Context(), h, billingapi.SumIn{Account: "ada"})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	user := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
	sum, err := billingapi.Sum.Call(user, h, billingapi.SumIn{Account: "ada"})
	require.NoError(t, err)
	require.Equal(t, 7, sum.Cents)
	_, err = billingapi.Sum.Call(user, h, billingapi.SumIn{Account: "bob"})
	require.ErrorIs(t, err, procedure.CodeNotFound)
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rpctest.Client(t, router.New())
		require.NoError(t, shutdown(c))
		_, err := deadline(t.Context(), c)
		require.ErrorIs(t, err, client.ErrClosed)
		require.Equal(t, client.StatusClosed, c.State().Status)
	})
}
